//! A table with one figure per line. Everything that is done alike with every figure follows from it.

use super::{Kind, Unit, Value};
use crate::model::sample::Known;

/// A line of a table.
#[cfg_attr(
    not(any(test, feature = "testing")),
    expect(dead_code, reason = "the table says all of a figure, for metrics too")
)]
#[derive(Debug)]
pub struct Figure<T: Table> {
    /// Its name in the code and in the state of a recording.
    pub name: &'static str,
    /// What it says, line by line.
    pub help: &'static [&'static str],
    /// How it behaves.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// Its value.
    pub get: for<'a> fn(&'a T) -> Value<'a>,
    /// How it is shown as it was counted, if it is.
    pub shown: Option<Shown<T>>,
}

/// A figure that is shown as it was counted.
#[derive(Debug)]
pub struct Shown<T: Table> {
    /// Its name in JSON and CSV.
    pub name: &'static str,
    /// Its name on the screen.
    pub label: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Its value, in its unit; `None`: there is none yet, or the kernel does not say.
    pub get: fn(&T::Shown) -> Option<u64>,
    /// Makes it this.
    pub set: fn(&mut T, Option<u64>),
    /// Whether this kernel gives it.
    pub known: fn(Known) -> bool,
}

impl<T: Table> Shown<T> {
    /// Its value; `None`: this kernel does not say, or there is none yet.
    pub fn value(&self, of: &T::Shown, known: Known) -> Option<u64> {
        (self.get)(of).filter(|_| (self.known)(known))
    }

    /// The same in the unit of files.
    pub fn written(&self, of: &T::Shown, known: Known) -> Option<u64> {
        self.value(of, known).map(|value| self.unit.written(value))
    }
}

/// What the table of a struct provides.
pub trait Table: Sized + 'static {
    /// The figures that are shown as they were counted.
    type Shown: std::fmt::Debug + 'static;

    /// The names of all figures, in the order of the table.
    const NAMES: &'static [&'static str];

    /// The names that the shown ones have in JSON and CSV.
    const SHOWN: &'static [&'static str];

    /// All figures.
    const FIGURES: &'static [Figure<Self>];

    /// The shown ones.
    fn shown() -> impl Iterator<Item = &'static Shown<Self>> {
        Self::FIGURES.iter().filter_map(|figure| figure.shown.as_ref())
    }

    /// What happened since an earlier state, each figure by itself.
    #[must_use]
    fn each_since(&self, earlier: &Self) -> Self;

    /// Adds what an earlier recording has of the same peer or listener, each figure by itself.
    fn each_precede(&mut self, earlier: &Self);

    /// Adds those of another peer or listener, each figure by itself.
    fn each_absorb(&mut self, other: &Self);

    /// Adds what can be added: for totals over many. Extremes and durations have no total.
    fn accumulate(&mut self, other: &Self);

    /// Whether all numbers are such that no sum over them runs over.
    fn are_possible(&self) -> bool;

    /// The counts of connections: one of them changes with each that comes, goes or fails.
    fn prints(&self) -> impl Iterator<Item = u64>;
}

/// Gives a closure the type of its argument.
pub(in crate::model) fn read<S, T>(source: &S, from: impl FnOnce(&S) -> T) -> T {
    from(source)
}

/// Makes a [`Table`] of a list of figures: `STRUCT of SOURCE, shown as SHOWN;`, then a line for each figure.
/// `SHOWN` names a struct to be made of the figures that are shown as they were counted, or is `Self` if all
/// are.
macro_rules! figures {
    ($(#[$about:meta])+ $all:ident of $source:ty, shown as $shown:ident; $($lines:tt)+) => {
        $crate::model::figure::figures! { @all $all [$(#[$about])+] $source, $shown; $($lines)+ }
        $crate::model::figure::figures! { @shown $shown of $all; $($lines)+ }
    };
    (@all $all:ident [$($about:tt)+] $source:ty, $shown:ident; $(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $kind:ident of $unit:ident, $read:expr
            $(, shown $as:literal labelled $label:literal $(if $known:expr)?)?;
    )+) => {
        $($about)+
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $all {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        const _: () = {
            use $crate::model::figure::{self, Behaves, Figure, Table, Unit};

            impl From<&$source> for $all {
                fn from(source: &$source) -> Self {
                    Self { $($name: figure::read(source, $read),)+ }
                }
            }

            impl Table for $all {
                type Shown = $shown;

                const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

                const SHOWN: &'static [&'static str] = &[$($($as,)?)+];

                const FIGURES: &'static [Figure<Self>] = &[$(Figure {
                    name: stringify!($name),
                    help: &[$($doc),+],
                    kind: <figure::$kind as Behaves<$type>>::KIND,
                    unit: Unit::$unit,
                    get: |all| figure::$kind::value(&all.$name),
                    shown: figure::figures!(@how $name: $kind of $unit $(, $as, $label $(, $known)?)?),
                }),+];

                fn each_since(&self, earlier: &Self) -> Self {
                    Self { $($name: figure::$kind::since(&self.$name, &earlier.$name),)+ }
                }

                fn each_precede(&mut self, earlier: &Self) {
                    $(figure::$kind::precede(&mut self.$name, &earlier.$name);)+
                }

                fn each_absorb(&mut self, other: &Self) {
                    $(figure::$kind::absorb(&mut self.$name, &other.$name);)+
                }

                fn accumulate(&mut self, other: &Self) {
                    $(figure::$kind::total(&mut self.$name, &other.$name);)+
                }

                fn are_possible(&self) -> bool {
                    true $(&& figure::$kind::largest(&self.$name) <= Unit::$unit.limit())+
                }

                fn prints(&self) -> impl Iterator<Item = u64> {
                    [$(match Unit::$unit {
                        Unit::Connections | Unit::Turns => figure::$kind::print(&self.$name),
                        _ => 0,
                    }),+]
                    .into_iter()
                }
            }
        };
    };
    (@how $name:ident: $kind:ident of $unit:ident) => {
        None
    };
    (@how $name:ident: $kind:ident of $unit:ident, $as:literal, $label:literal) => {
        figure::figures!(@how $name: $kind of $unit, $as, $label, |_| true)
    };
    (@how $name:ident: $kind:ident of $unit:ident, $as:literal, $label:literal, $known:expr) => {
        Some(figure::Shown {
            name: $as,
            label: $label,
            unit: Unit::$unit,
            get: |shown| match figure::$kind::value(&shown.$name) {
                figure::Value::Number(number) => number,
                _ => None,
            },
            set: |all, value| all.$name = figure::Number::of(value),
            known: $known,
        })
    };
    (@shown Self of $all:ident; $($lines:tt)+) => {};
    (@shown $shown:ident of $all:ident; $(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $kind:ident of $unit:ident, $read:expr
            $(, shown $as:literal labelled $label:literal $(if $known:expr)?)?;
    )+) => {
        /// Those figures that are shown as they were counted.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $shown {
            $($(#[doc = concat!("Shown as `", $as, "`.")] pub $name: $type,)?)+
        }

        impl From<&$all> for $shown {
            fn from(all: &$all) -> Self {
                Self { $($($name: { let _ = $as; all.$name },)?)+ }
            }
        }
    };
}
pub(in crate::model) use figures;
