//! Which theme a terminal gets, and that everything on it can be seen.

use super::own::{LEAST_CONTRAST, ROLES, contrast};
use super::*;

fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
    |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn no_color_wins_over_everything() {
    let light = Look { theme: Some(Theme::LIGHT), ..Look::default() };
    let theme = Theme::from_env(light, env(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]));
    assert_eq!(theme, Theme::MONO);
    assert_eq!(theme.style(Role::Status429).fg, None);
}

#[test]
fn an_empty_no_color_does_not_count() {
    assert_eq!(
        Theme::from_env(Look::default(), env(&[("NO_COLOR", ""), ("COLORTERM", "truecolor"), ("COLORFGBG", "15;0")])),
        Theme::DARK
    );
}

#[test]
fn a_light_background_is_told_from_a_dark_one() {
    assert_eq!(
        Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor"), ("COLORFGBG", "0;15")])),
        Theme::LIGHT
    );
    assert_eq!(
        Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor"), ("COLORFGBG", "15;default;0")])),
        Theme::DARK
    );
}

#[test]
fn every_text_stands_out_from_its_background() {
    for (theme, background) in [(Theme::DARK, rgb(0x1e_1e1e)), (Theme::LIGHT, rgb(0xff_ffff))] {
        for theme in [theme, Theme { indexed: true, ..theme }] {
            for (name, role, _) in ROLES.iter().filter(|(name, ..)| !is_behind(name)) {
                let style = theme.style(*role);
                let Some(front) = style.fg else { continue };
                let contrast = contrast(front, style.bg.unwrap_or(background));
                assert!(contrast.is_none_or(|contrast| contrast >= LEAST_CONTRAST), "{name}: {contrast:?}");
            }
        }
    }
}

/// The lines of the chart of instances.
pub(in crate::tui) const OF_INSTANCES: [Role; 10] = [
    Role::Responding,
    Role::Active,
    Role::Running,
    Role::Desired,
    Role::Pending,
    Role::Command,
    Role::Url,
    Role::Prometheus,
    Role::Needed,
    Role::Limit,
];

/// The lines of each chart, and the areas behind them.
const CHARTS: [(&str, &[Role], &[Role]); 4] = [
    ("rate", &[Role::Target, Role::Sent], &[Role::OkArea, Role::FailedArea]),
    ("latency", &[Role::P50, Role::P99, Role::Bad, Role::Oldest, Role::OtherErrors, Role::Slo], &[Role::LatencyBand]),
    ("errors", &[], &[Role::Status429, Role::Status5xx, Role::OtherErrors, Role::Dropped]),
    ("instances", &OF_INSTANCES, &[Role::RespondingArea]),
];

#[test]
fn what_stands_in_one_chart_is_told_apart_in_every_number_of_colours() {
    let few = |theme| Theme { indexed: true, ..theme };
    for theme in [Theme::DARK, Theme::LIGHT, few(Theme::DARK), few(Theme::LIGHT), Theme::ANSI] {
        for (chart, lines, areas) in CHARTS {
            let mut looks: Vec<(Role, Style)> = lines.iter().map(|&role| (role, theme.style(role))).collect();
            looks.extend(areas.iter().map(|&role| (role, Style::new().fg(theme.fill(role)))));
            for (at, (role, look)) in looks.iter().enumerate() {
                for (other, same) in &looks[..at] {
                    assert_ne!(look, same, "{role:?} and {other:?} of {chart}, {theme:?}");
                }
            }
        }
        // Areas of different charts, which are seen above one another.
        assert!(theme == Theme::ANSI || theme.fill(Role::Ok) != theme.fill(Role::Responding), "{theme:?}");
    }
}

#[test]
fn lines_stand_out_from_the_areas_behind_them_in_256_colours_as_they_do_in_all() {
    for theme in [Theme::DARK, Theme::LIGHT] {
        let few = Theme { indexed: true, ..theme };
        let mut pairs = 0;
        for (chart, lines, areas) in CHARTS {
            for (line, area) in lines.iter().flat_map(|&line| areas.iter().map(move |&area| (line, area))) {
                let of = |theme: Theme| contrast(theme.color(line), theme.color(area)).expect("colours that are known");
                if of(theme) >= LEAST_CONTRAST {
                    assert!(of(few) >= LEAST_CONTRAST, "{line:?} on {area:?} of {chart}, {theme:?}: {:.2}", of(few));
                    pairs += 1;
                }
            }
        }
        assert!(pairs >= 14, "{pairs}");
    }
}

#[test]
fn areas_keep_their_hue_in_256_colours() {
    for theme in [Theme::DARK, Theme::LIGHT] {
        let few = Theme { indexed: true, ..theme };
        for role in [Role::OkArea, Role::FailedArea, Role::LatencyBand, Role::RespondingArea] {
            let Color::Indexed(index) = few.color(role) else { panic!("{role:?}") };
            assert!(index < 232, "{role:?} is a grey: {index}");
        }
    }
}

/// Whether it is no text and no line, but what is behind them.
fn is_behind(name: &str) -> bool {
    name.ends_with("-area") || name.ends_with("-band") || name.ends_with("-background")
}

#[test]
fn colours_of_ones_own_are_in_the_place_of_the_themes_and_nobodys_without_colours() {
    let mut own = OwnColors::NONE;
    for (role, color) in
        [("label", "#abcdef"), ("selected", "52"), ("badge-background", "#102030"), ("ok-area", "#001122")]
    {
        own.with(None, role, color).unwrap();
    }
    for theme in [Theme::DARK, Theme::LIGHT] {
        let theme = theme.own(&own);
        assert_eq!(theme.style(Role::Label).fg, Some(rgb(0xab_cdef)));
        assert_eq!(theme.style(Role::Selected).bg, Some(Color::Indexed(52)));
        assert_eq!(theme.style(Role::Badge).bg, Some(rgb(0x10_2030)));
        assert_eq!(theme.fill(Role::Ok), rgb(0x00_1122));
        assert_eq!(theme.style(Role::Ok), Theme { own: None, ..theme }.style(Role::Ok), "the rest stays");
    }
    // Of the 16 the nearest, and not faint any more.
    let ansi = Theme::ANSI.own(&own);
    assert_eq!(ansi.style(Role::Label), Style::new().fg(Color::Gray));
    assert_eq!(ansi.style(Role::Selected), Style::new().bg(Color::Black));
    let indexed = Theme { indexed: true, ..Theme::DARK.own(&own) };
    assert!(matches!(indexed.color(Role::Label), Color::Indexed(_)));
    for (_, role, _) in ROLES {
        assert_eq!(Theme::MONO.own(&own).style(role), Theme::MONO.style(role));
    }
}

#[test]
fn the_colours_of_ones_own_are_those_of_the_theme_that_is_asked_for_meanwhile() {
    let mut own = OwnColors::NONE;
    own.with(Some("light"), "ok", "#123456").unwrap();
    let theme = Theme::DARK.own(&own);
    assert_eq!(theme.color(Role::Ok), Theme::DARK.color(Role::Ok));
    assert_eq!(theme.wished(Some(Colors::Light), None).color(Role::Ok), rgb(0x12_3456));
}

#[test]
fn the_terminal_is_asked_only_what_nobody_has_said() {
    let theme = |look, pairs| Theme::from_env(look, env(pairs));
    let look = Look::default();
    assert!(theme(look, &[("TERM", "xterm-256color")]).may_ask_background);
    assert!(!theme(look, &[("TERM", "xterm-256color"), ("COLORFGBG", "0;15")]).may_ask_background);
    let dark = Look { theme: Some(Theme::DARK), ..look };
    assert!(!theme(dark, &[("TERM", "xterm-256color")]).may_ask_background);
    assert!(theme(dark, &[("TERM", "xterm-256color")]).may_measure);
    assert!(!theme(Look { glyphs: Some(Glyphs::Braille), ..dark }, &[("TERM", "xterm-256color")]).may_ask());
    assert!(!theme(look, &[("TERM", "linux")]).may_ask() && !theme(look, &[("TERM", "dumb")]).may_ask());
}

#[test]
fn what_the_terminal_answers_decides_what_is_drawn() {
    let asked = Theme::from_env(Look::default(), env(&[("COLORTERM", "truecolor"), ("TERM", "xterm")]));
    let answer = |is_light, probe_width| Answer { is_light, probe_width };
    assert_eq!(asked.on(answer(Some(true), Some(1))), Theme::LIGHT);
    assert_eq!(asked.on(answer(None, None)), Theme::DARK);
    assert_eq!(asked.on(answer(Some(false), Some(2))).glyphs(), Glyphs::Ascii);
    let said = Theme::from_env(Look { glyphs: Some(Glyphs::Blocks), ..Look::default() }, env(&[("TERM", "xterm")]));
    assert_eq!(said.on(answer(None, Some(2))).glyphs(), Glyphs::Blocks, "what the user says wins");
}

#[test]
fn terminals_with_fewer_colors_get_colors_they_have() {
    assert_eq!(Theme::from_env(Look::default(), env(&[("TERM", "linux")])).palette, Palette::Ansi);
    let theme = Theme::from_env(Look::default(), env(&[("TERM", "xterm-256color")]));
    assert!(matches!(theme.color(Role::Ok), Color::Indexed(_)));
}
