//! Scales, labels and coordinates.

use super::*;

#[test]
fn grids_have_few_round_steps() {
    for most in [0.3, 1.0, 3.0, 7.0, 99.0, 100.0, 15_000.0, 1e9] {
        let step = step(most);
        assert!(
            step * 4.0 >= most && step <= most.max(0.1) * 1.001,
            "{most}: {step}"
        );
    }
}

#[test]
fn few_moments_are_labelled_whatever_the_span() {
    let second = i128::from(S);
    let from = 1_767_225_600 * second + second / 3;
    for span in [1, 7, 59, 60, 601, 3_600, 86_399, 700_000, 40_000_000] {
        let labels = times(from, from + span * second);
        assert!(labels.len() <= 8, "{span}: {labels:?}");
        assert!(!labels.is_empty(), "{span}");
    }
    let labels: Vec<String> = times(from, from + 600 * second)
        .into_iter()
        .map(|one| one.1)
        .collect();
    assert_eq!(labels, ["00:02", "00:04", "00:06", "00:08", "00:10"]);
}

#[test]
fn labels_of_marks_do_not_lie_on_each_other() {
    let series = [Series {
        name: "open",
        class: "b",
        points: vec![(0, 1.0), (1000, 2.0)],
    }];
    let mark = |at: i128, label: &str| Mark {
        at,
        label: label.to_owned(),
    };
    let marks = [
        mark(500, "178"),
        mark(480, "15"),
        mark(990, "surge over"),
        mark(100, "surge"),
    ];
    let drawn = lines("said", &series, &marks, None).into_string();
    let labels = |label: &str| drawn.matches(&format!(">{label}</text>")).count();
    assert_eq!(drawn.matches("class=\"mark\"").count(), 4);
    assert_eq!(
        ["surge", "15", "178", "surge over"].map(labels),
        [1, 0, 1, 1],
        "{drawn}"
    );
    assert!(!drawn.contains("extra"), "{drawn}");
    let far = [mark(500, "178"), mark(450, "15")];
    let drawn = lines("said", &series, &far, None).into_string();
    assert!(drawn.contains("class=\"extra\""), "{drawn}");
}

#[test]
fn coordinates_stay_within_the_chart() {
    let series = [Series {
        name: "open",
        class: "a",
        points: vec![(5, 0.0), (5, 1e18), (9, 3.0)],
    }];
    let drawn = lines("said", &series, &[], Some((i128::MIN / 2, i128::MAX / 2))).into_string();
    let numbers = drawn.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
    let largest = numbers
        .filter_map(|text| text.parse::<f64>().ok())
        .fold(0.0, f64::max);
    assert!(drawn.contains("M0 "), "{drawn}");
    assert!(largest <= 1e18 * 5.0, "{largest}");
}
