//! Keys of layouts without Latin letters: the letter that stands in the same place on a Latin keyboard.

/// The letters of a layout in the order of the keys, beside those of a Latin keyboard.
const LAYOUTS: [(&str, &str); 6] = [
    // Russian, and what Ukrainian and Belarusian have in their places.
    ("йцукенгшщзхъфывапролджэячсмитьбю", "qwertyuiop[]asdfghjkl;'zxcvbnm,."),
    ("ії", "s]"),
    // Greek.
    ("ςερτυθιοπασδφγηξκλζχψωβνμ", "wertyuiopasdfghjklzxcvbnm"),
    // Hebrew.
    ("קראטוןםפשדגכעיחלךזסבהנמצתץ", "ertyuiopasdfghjklzxcvbnm,."),
    // Arabic.
    ("ضصثقفغعهخحجدشسيبلاتنمكطئءؤرىةوزظ", "qwertyuiop[]asdfghjkl;'zxcvnm,./"),
    // What Macedonian and Serbian have in their places.
    ("љњѕџђ", "qwzx["),
];

/// The key that is meant by a character without a meaning of its own: the Latin letter in its place, or the small one of a
/// capital.
pub(super) fn meant(ch: char) -> Option<char> {
    latin(ch).or_else(|| ch.is_ascii_uppercase().then(|| ch.to_ascii_lowercase()))
}

/// The Latin letter in the place of `ch`, in its case.
fn latin(ch: char) -> Option<char> {
    let lower = ch.to_lowercase().next().filter(|_| !ch.is_ascii())?;
    let found = LAYOUTS.iter().find_map(|(letters, latin)| {
        let at = letters.chars().position(|letter| letter == lower)?;
        latin.chars().nth(at)
    })?;
    Some(if ch.is_uppercase() { found.to_ascii_uppercase() } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_what_stands_in_its_place_on_a_latin_keyboard() {
        for (ch, expected) in
            [('ы', 's'), ('Ы', 'S'), ('й', 'q'), ('і', 's'), ('σ', 's'), ('θ', 'u'), ('ד', 's'), ('س', 's')]
        {
            assert_eq!(latin(ch), Some(expected), "{ch}");
        }
        assert_eq!((latin('s'), latin('é'), latin('日')), (None, None, None));
    }

    #[test]
    fn under_caps_lock_the_small_letter_is_meant() {
        assert_eq!(
            (meant('Q'), meant('Ы').and_then(meant), meant('q'), meant('?')),
            (Some('q'), Some('s'), None, None)
        );
    }

    #[test]
    fn every_letter_has_a_place() {
        for (letters, latin) in LAYOUTS {
            assert_eq!(letters.chars().count(), latin.chars().count(), "{letters}");
        }
    }
}
