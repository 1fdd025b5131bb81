//! The one palette: which colour a thing has on the screen and in the report, on dark and on light.
//!
//! A test of the report holds its style sheet against it. Colours are chosen so
//! that all of them stand out from their background (3:1, WCAG 2.2, 1.4.11) and that curves of one chart which have the same
//! shape are told apart by the colour-blind too; tests compute both.

/// A thing that has a colour in charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hue {
    Target,
    Sent,
    Ok,
    P50,
    P99,
    Oldest,
    /// The objective's level.
    Objective,
    /// Answers with status 429.
    Status429,
    /// Answers with a status from 500 on.
    Status5xx,
    /// What failed otherwise.
    OtherErrors,
    /// Arrivals that were dropped at the in-flight cap.
    Dropped,
    Responding,
    Active,
    Running,
    Desired,
    /// What the user's command counts.
    Command,
    /// What the user's URL says.
    Url,
    /// What the user's query of Prometheus says.
    Prometheus,
    Needed,
    /// The most instances that may run.
    Limit,
    Good,
    Bad,
    /// What needs attention, and is not bad yet.
    Warn,
    /// What the user marked.
    Mark,
}

impl Hue {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 24] = [
        Self::Target,
        Self::Sent,
        Self::Ok,
        Self::P50,
        Self::P99,
        Self::Oldest,
        Self::Objective,
        Self::Status429,
        Self::Status5xx,
        Self::OtherErrors,
        Self::Dropped,
        Self::Responding,
        Self::Active,
        Self::Running,
        Self::Desired,
        Self::Command,
        Self::Url,
        Self::Prometheus,
        Self::Needed,
        Self::Limit,
        Self::Good,
        Self::Bad,
        Self::Warn,
        Self::Mark,
    ];

    /// On dark, as 0xRRGGBB.
    pub(crate) const fn on_dark(self) -> u32 {
        match self {
            Self::Target => 0xf0_f6fc,
            Self::Sent => 0x6c_b6ff,
            Self::Ok | Self::Running | Self::Good => 0x3f_b950,
            Self::P50 => 0x45_cdd4,
            Self::P99 => 0xb3_92ff,
            Self::Oldest => 0xd9_a066,
            Self::Objective => 0xe0_524a,
            Self::Status429 => 0xff_b454,
            Self::Status5xx | Self::Bad => 0xff_5c57,
            Self::OtherErrors => 0xc7_6bd0,
            Self::Dropped => 0xc4_d2e0,
            Self::Responding => 0x56_d4dd,
            Self::Active => 0x5f_98ff,
            Self::Desired => 0xbc_8cff,
            Self::Command => 0xee_5522,
            Self::Url => 0xe8_4fb4,
            Self::Prometheus => 0xf2_e93c,
            Self::Needed | Self::Warn => 0xe3_b341,
            Self::Mark => 0xf7_78ba,
            Self::Limit => 0x8b_949e,
        }
    }

    /// On light, as 0xRRGGBB.
    pub(crate) const fn on_light(self) -> u32 {
        match self {
            Self::Target => 0x1f_2328,
            Self::Sent => 0x09_69da,
            Self::Ok | Self::Running | Self::Good => 0x1a_7f37,
            Self::P50 => 0x0e_8a92,
            Self::P99 => 0x6a_3fc8,
            Self::Oldest => 0x9a_5f22,
            Self::Objective => 0xd0_342c,
            Self::Status429 => 0xc9_7000,
            Self::Status5xx | Self::Bad => 0xcf_222e,
            Self::OtherErrors => 0x8b_2fa0,
            Self::Dropped => 0x36_4350,
            Self::Responding => 0x12_929e,
            Self::Active => 0x0a_3fae,
            Self::Desired => 0x82_50df,
            Self::Command => 0xcf_6a58,
            Self::Url => 0xd8_287f,
            Self::Prometheus => 0x50_4a08,
            Self::Needed | Self::Warn => 0x9a_6700,
            Self::Mark => 0xbf_3989,
            Self::Limit => 0x57_606a,
        }
    }
}

/// The area of OK answers, and of what failed, behind lines: on dark, on light. As far apart in lightness as in hue, since red
/// on green is what most of the colour-blind cannot tell.
pub(crate) const FILL_OK: (u32, u32) = (0x23_532d, 0xcf_e8d5);
pub(crate) const FILL_BAD: (u32, u32) = (0xe8_625c, 0xd8_616b);
/// The band from p50 to p99.
pub(crate) const FILL_BAND: (u32, u32) = (0x43_3b56, 0xe4_dcf5);
/// How many steps of intensity a heat map tells apart.
pub(crate) const HEAT_LEVELS: usize = 8;

/// Its colours, from cold to hot; perceived lightness rises evenly (after Matplotlib's inferno).
pub(crate) const HEAT_DARK: [u32; HEAT_LEVELS] =
    [0x2b_1055, 0x4a_0c6b, 0x78_1c6d, 0xa5_2c60, 0xcf_4446, 0xed_6925, 0xfb_9b06, 0xf7_d13d];

/// The same on white, where more is darker.
pub(crate) const HEAT_LIGHT: [u32; HEAT_LEVELS] =
    [0xfd_e0b5, 0xfb_c486, 0xf6_a25e, 0xee_7d46, 0xd9_5640, 0xb8_3655, 0x8a_2267, 0x55_0f6d];

/// The curves of sessions that are compared, by their letters: on dark, on light.
pub(crate) const SESSION_HUES: [(u32, u32); 5] = [
    (0x6c_b6ff, 0x0a_58ca),
    (0xf0_a03c, 0xc2_5a00),
    (0xf0_f6fc, 0x1b_2330),
    (0x2f_b39a, 0x14_8f7a),
    (0xf0_7fc8, 0xb0_379a),
];
/// Their strokes, as dashes of an SVG; one fewer than hues, so that the first twenty sessions all look different.
pub(crate) const SESSION_STROKES: [&str; 4] = ["none", "8 3", "2 3", "10 3 2 3"];
/// The area below the count of responding instances.
pub(crate) const FILL_RESPONDING: (u32, u32) = (0x24_4448, 0xd5_ecee);

#[cfg(test)]
fn linear(color: u32) -> [f64; 3] {
    [16, 8, 0].map(|shift| {
        let part = f64::from(color >> shift & 0xff) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

#[cfg(test)]
fn dot(row: [f64; 3], color: [f64; 3]) -> f64 {
    row.into_iter().zip(color).map(|(a, b)| a * b).sum()
}

/// The contrast of two colours (WCAG 2.2, relative luminance).
#[cfg(test)]
pub(crate) fn contrast(a: u32, b: u32) -> f64 {
    let [a, b] = [a, b].map(|color| dot([0.2126, 0.7152, 0.0722], linear(color)) + 0.05);
    a.max(b) / a.min(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The backgrounds of terminals and of the report's page.
    const DARK: [u32; 2] = [0x1e_1e1e, 0x10_151c];
    const LIGHT: [u32; 1] = [0xff_ffff];

    /// How the eye without one kind of cones sees linear red, green and blue: Machado, Oliveira and Fernandes, "A
    /// Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, severity 1.
    const EYES: [(&str, [[f64; 3]; 3]); 3] = [
        ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protanopia",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deuteranopia",
            [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        ),
    ];

    /// Two thin marks side by side are told apart from here on, as a distance in CIELAB (CIE 1976): a just noticeable difference
    /// of large patches is 2.3 (Mahy, Van Eycken, Oosterlinck, 1994), and marks of a tenth of a degree, as dots of a terminal
    /// are, need about six times as much (Stone, Szafir, Setlur, "An Engineering Model for Color Difference as a Function of
    /// Size", 2014).
    const TOLD_APART: f64 = 14.0;

    /// CIELAB under D65.
    fn lab(color: [f64; 3]) -> [f64; 3] {
        let color = color.map(|part| part.clamp(0.0, 1.0));
        let [x, y, z] = [
            ([0.412_456, 0.357_576, 0.180_438], 0.95047),
            ([0.212_673, 0.715_152, 0.072_175], 1.0),
            ([0.019_334, 0.119_192, 0.950_304], 1.08883),
        ]
        .map(|(row, white)| {
            let share = dot(row, color) / white;
            if share > 0.008_856 { share.cbrt() } else { share * 7.787 + 4.0 / 29.0 }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn distance(a: u32, b: u32, eye: [[f64; 3]; 3]) -> f64 {
        let [a, b] = [a, b].map(|color| lab(eye.map(|row| dot(row, linear(color)))));
        a.into_iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn every_colour_stands_out_from_its_background() {
        for hue in Hue::ALL {
            for (color, grounds) in [(hue.on_dark(), &DARK[..]), (hue.on_light(), &LIGHT[..])] {
                for &ground in grounds {
                    assert!(contrast(color, ground) >= 3.0, "{hue:?} on {ground:06x}: {:.2}", contrast(color, ground));
                }
            }
        }
    }

    #[test]
    fn sessions_stand_out_and_are_told_apart_by_the_colour_blind() {
        for (at, (dark, light)) in SESSION_HUES.into_iter().enumerate() {
            assert!(DARK.iter().all(|&ground| contrast(dark, ground) >= 3.0), "{dark:06x}");
            assert!(LIGHT.iter().all(|&ground| contrast(light, ground) >= 3.0), "{light:06x}");
            for (other_dark, other_light) in &SESSION_HUES[at + 1..] {
                for (eye, matrix) in EYES {
                    for (a, b) in [(dark, *other_dark), (light, *other_light)] {
                        assert!(distance(a, b, matrix) >= TOLD_APART, "{a:06x} and {b:06x} with {eye}");
                    }
                }
            }
        }
    }

    #[test]
    fn lines_stand_out_from_the_areas_behind_them() {
        for (hue, fill) in [
            (Hue::Target, FILL_OK),
            (Hue::Sent, FILL_OK),
            (Hue::Target, FILL_BAD),
            (Hue::P99, FILL_BAND),
            (Hue::Oldest, FILL_BAND),
            (Hue::Bad, FILL_BAND),
        ] {
            for (line, area) in [(hue.on_dark(), fill.0), (hue.on_light(), fill.1)] {
                assert!(contrast(line, area) >= 3.0, "{hue:?} on {area:06x}: {:.2}", contrast(line, area));
            }
        }
    }

    #[test]
    fn what_shares_a_chart_and_a_shape_is_told_apart_by_the_colour_blind() {
        use Hue::*;
        // Those of another stroke (dashed, dotted, an area) are told apart by it.
        let same_shape: [&[Hue]; 10] = [
            &[Target, Sent, Ok],
            &[P50, P99, Bad],
            &[OtherErrors, Objective],
            &[Status429, Status5xx, OtherErrors, Dropped],
            &[Responding, Active],
            &[Responding, Running],
            &[Responding, Active, Command, Url, Prometheus],
            &[Responding, Running, Command, Url, Prometheus],
            &[Needed, Desired, Command, Url, Prometheus],
            &[Needed, Desired],
        ];
        for hues in same_shape {
            for (at, a) in hues.iter().enumerate() {
                for b in &hues[at + 1..] {
                    for (x, y) in [(a.on_dark(), b.on_dark()), (a.on_light(), b.on_light())] {
                        for (eye, matrix) in EYES {
                            let apart = distance(x, y, matrix);
                            assert!(apart >= TOLD_APART, "{a:?} and {b:?} with {eye}: {apart:.1}");
                        }
                    }
                }
            }
        }
        for (ok, bad) in [(FILL_OK.0, FILL_BAD.0), (FILL_OK.1, FILL_BAD.1)] {
            for (eye, matrix) in EYES {
                assert!(distance(ok, bad, matrix) >= TOLD_APART, "failures on OK with {eye}");
            }
        }
    }
}
