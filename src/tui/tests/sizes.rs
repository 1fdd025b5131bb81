//! What windows of every size show, and what they say where they are too small.

use super::*;

#[test]
fn a_window_that_is_too_small_says_so_and_how_large_it_should_be() {
    let state = built("overview__recovered");
    snapshots("too_small", state, &[(59, 24), (20, 5), (80, 15)]);
    let text = frame(state, Theme::DARK, 59, 24).backend().to_string();
    assert!(text.contains("59 × 24") && text.contains("60 × 16"), "{text}");
}

#[test]
fn the_overview_works_on_the_smallest_and_on_large_screens() {
    snapshots("sizes__scale_out", built("overview__scale_out"), &[(60, 16), (200, 60)]);
    snapshots("sizes__empty", built("overview__empty"), &[(60, 16), (200, 60)]);
    snapshots("sizes__scale_out_on_ecs", built("steps__scale_out_on_ecs"), &[(60, 16), (200, 60)]);
    let facts = state()
        .at_url("checkout", &format!("https://checkout.eu-west-1.example.com/api/{}", "orders/".repeat(8)))
        .limits()
        .rate(50)
        .live("cloudwatch")
        .fact("platform_2xx_per_s", "18.0")
        .fact("cpu_percent", "12.5")
        .fact("image", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/checkout:2026-11-24-a1b2c3d4e5")
        .run(30)
        .build();
    snapshots("sizes__facts", &facts, &[(200, 60), (300, 80)]);
    snapshots("sizes__source_stale", built("overview__source_stale"), &[(200, 60)]);
}

#[test]
fn on_a_wide_screen_urls_and_facts_are_whole_and_on_any_they_are_whole_or_say_that_they_are_not() {
    let url = format!("https://checkout.eu-west-1.example.com/api/{}", "orders/".repeat(8));
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/checkout:2026-11-24-a1b2c3d4e5";
    let state = |target: &str| {
        state()
            .at_url(target, &url)
            .limits()
            .rate(50)
            .live("cloudwatch")
            .fact("platform_2xx_per_s", "18.0")
            .fact("platform_concurrency", "7.0")
            .fact("image", image)
            .run(30)
            .build()
    };
    let shown =
        |state: &State, columns, rows| letters(frame(state, Theme::DARK, columns, rows).backend().buffer()).join("\n");
    for (columns, rows) in [(200, 60), (300, 80)] {
        for target in ["checkout", &url] {
            let text = shown(&state(target), columns, rows);
            let first = text.lines().next().unwrap();
            assert!(first.contains(&url), "{columns}×{rows}: {text}");
            assert!(text.contains("platform 2xx") && text.contains("18.0/s") && !text.contains("platform_"), "{text}");
            assert!(text.contains("platform concurrency"), "{text}");
            assert!(text.contains(image) || !text.contains("image …"), "{text}");
        }
    }
    // The first screen has it whole, too.
    let first = fixtures::state().at_url("checkout", &url).build();
    assert!(shown(&first, 200, 60).contains(&format!("GET {url}")));
    for (columns, rows) in [(60, 16), (80, 24), (100, 30), (150, 40)] {
        let text = shown(&state(&url), columns, rows);
        let first = text.lines().next().unwrap();
        assert!(first.contains("…") || first.contains(&url) || !first.contains("https:"), "{columns}×{rows}: {first}");
    }
}
