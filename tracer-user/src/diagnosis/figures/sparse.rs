//! What most peers have nothing of: it takes room only where there is something.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::{CloseWait, Idle, Pace, Spread};
use crate::model::window::Looks;

/// A value that is read as itself and takes a pointer's room while it is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sparse<T>(Option<Box<T>>);

/// What has a default to point at.
pub trait Absent: Default + PartialEq + 'static {
    /// The default.
    const ABSENT: &'static Self;
}

impl<T> Default for Sparse<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Absent> From<T> for Sparse<T> {
    fn from(value: T) -> Self {
        Self((value != *T::ABSENT).then(|| Box::new(value)))
    }
}

impl<T: Absent> Deref for Sparse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::ABSENT)
    }
}

#[cfg(test)]
impl<T: Absent> std::ops::DerefMut for Sparse<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(Box::default)
    }
}

impl Absent for Spread {
    const ABSENT: &'static Self = &Self {
        p50_ns: None,
        max_ns: None,
    };
}

impl Absent for Idle {
    const ABSENT: &'static Self = &Self {
        count: 0,
        p50_ns: None,
        max_ns: None,
        cluster: None,
        bucket: None,
        at_once: 0,
    };
}

impl Absent for Pace {
    const ABSENT: &'static Self = &Self {
        count: 0,
        sum_ns: 0,
        p50_ns: None,
        p95_ns: None,
        max_ns: None,
    };
}

impl Absent for CloseWait {
    const ABSENT: &'static Self = &Self {
        now: 0,
        oldest_ns: None,
        oldest_is_bound: false,
        never_accepted: 0,
        entered: 0,
        left: 0,
        p50_ns: None,
        longest_ns: None,
    };
}

impl Absent for Looks {
    const ABSENT: &'static Self = &Self {
        looks: 0,
        empty: 0,
        established: 0,
        busy: 0,
        none_idle: 0,
        just_opened: 0,
        beside_free: 0,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_the_default() {
        fn check<T: Absent + std::fmt::Debug>() {
            assert_eq!(*T::ABSENT, T::default());
            assert_eq!(Sparse::from(T::default()).0, None);
            assert_eq!(*Sparse::<T>::default(), T::default());
        }
        check::<Spread>();
        check::<Idle>();
        check::<Pace>();
        check::<CloseWait>();
        check::<Looks>();
    }

    #[test]
    fn what_is_there_is_read_as_itself() {
        let looks = Sparse::from(Looks {
            looks: 3,
            ..Looks::default()
        });
        assert_eq!(looks.looks, 3);
    }
}
