//! Fits columns side by side into the available width.

/// The width a column needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Minimum width in screen columns.
    pub width: u16,
    /// Extra width it can use.
    pub stretch: u16,
    /// Columns with a higher value are dropped first when there is no room; 0 is never dropped.
    pub drop: u8,
}

/// A place on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub x: u16,
    /// How wide it is.
    pub width: u16,
}

/// Which columns fit, by index, and where: those with the highest `drop` go first, and spare width goes to
/// those that can use it. It depends on the width alone, so columns do not jump when values change.
pub fn fit_columns(needs: &[Need], width: u16) -> Vec<(usize, Span)> {
    let mut kept: Vec<(usize, Need)> = needs.iter().copied().enumerate().collect();
    let needed = |kept: &[(usize, Need)]| {
        let gaps = u16::try_from(kept.len().saturating_sub(1)).unwrap_or(u16::MAX);
        kept.iter()
            .fold(gaps, |sum, (_, need)| sum.saturating_add(need.width))
    };
    while needed(&kept) > width {
        let least = kept
            .iter()
            .enumerate()
            .filter(|(_, (_, need))| need.drop > 0)
            .max_by_key(|(_, (_, need))| need.drop);
        let Some((least, _)) = least else {
            break;
        };
        kept.remove(least);
    }
    let mut spare = width.saturating_sub(needed(&kept));
    let mut x = 0_u16;
    kept.into_iter()
        .map(|(number, need)| {
            let more = need.stretch.min(spare);
            spare -= more;
            let span = Span {
                x,
                width: (need.width + more).min(width.saturating_sub(x)),
            };
            x = x.saturating_add(span.width + 1);
            (number, span)
        })
        .filter(|(_, span)| span.width > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn need() -> impl Strategy<Value = Need> {
        (1_u16..30, 0_u16..30, 0_u8..9).prop_map(|(width, stretch, drop)| Need { width, stretch, drop })
    }

    proptest! {
        #[test]
        fn columns_neither_overlap_nor_leave_the_line(needs in prop::collection::vec(need(), 0..12), width in 0_u16..300) {
            let placed = fit_columns(&needs, width);
            for pair in placed.windows(2) {
                prop_assert!(pair[0].1.x + pair[0].1.width < pair[1].1.x);
                prop_assert!(pair[0].0 < pair[1].0);
            }
            prop_assert!(placed.iter().all(|(_, span)| span.x + span.width <= width));
        }
    }
}
