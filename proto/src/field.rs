//! Values as fields of messages, and the messages that have the fields of a type of the model.

use std::net::IpAddr;

use super::WireError;
use crate as wire;
use traf_model::filter::Rules;
use traf_model::flow::Word;
use traf_model::{
    Cast, Counted, Evidence, Facility, Family, Filter, FlowState, Group, Interval, LossReason, Mac, OrderBy,
    PacketKind, Point, Presence, Scope, Timestamp, Transport,
};

/// A value that a message holds as `W`.
pub(crate) trait Field<W>: Sized {
    /// The value as the message holds it.
    fn to_wire(&self) -> W;

    /// Reads the value of the field `name`.
    fn of_wire(wire: W, name: &'static str) -> Result<Self, WireError>;
}

/// A value that has a message of its own.
pub(crate) trait Part: PartialEq + TryFrom<Self::Wire, Error = WireError> {
    /// The message.
    type Wire: for<'a> From<&'a Self>;

    /// The value that an absent message stands for, if it stands for one.
    fn absent() -> Option<Self>;
}

/// A message inside another one.
impl<T: Part> Field<Option<T::Wire>> for T {
    fn to_wire(&self) -> Option<T::Wire> {
        (Self::absent().as_ref() != Some(self)).then(|| self.into())
    }

    fn of_wire(wire: Option<T::Wire>, name: &'static str) -> Result<Self, WireError> {
        match wire {
            Some(wire) => wire.try_into(),
            None => Self::absent().ok_or(WireError::Missing(name)),
        }
    }
}

/// Messages that are parts of others. An absent one is an error where it is `required`, and stands for the default value
/// where it is `optional`.
macro_rules! parts {
    ($($absence:ident $wire:ident = $model:ty;)*) => {$(
        impl $crate::field::Field<$crate::$wire> for $model {
            fn to_wire(&self) -> $crate::$wire {
                self.into()
            }

            fn of_wire(wire: $crate::$wire, _: &'static str) -> Result<Self, $crate::WireError> {
                wire.try_into()
            }
        }

        impl $crate::field::Part for $model {
            type Wire = $crate::$wire;

            fn absent() -> Option<Self> {
                $crate::field::parts!($absence)
            }
        }
    )*};
    (required) => { None };
    (optional) => { Some(Self::default()) };
}

/// For each message the fields that it shares with a type of the model: `message = type { fields }`. Where the type has one
/// field and the message two: `one = (two, fields)`. Fields that are
/// written `later`, one by one, are only read. A `check` is a function that a message passes before it is read.
macro_rules! messages {
    ($(
        $absence:ident $wire:ident = $model:ty {
            $($field:ident),* $(; $($one:ident = ($first:ident, $second:ident)),+)?
        } $(later { $($later:ident),* })? $(check $check:expr)?;
    )*) => {$(
        impl From<&$model> for $crate::$wire {
            #[inline]
            fn from(model: &$model) -> Self {
                $($(let ($first, $second) = $crate::field::Field::to_wire(&model.$one);)+)?
                Self {
                    $($field: $crate::field::Field::to_wire(&model.$field),)*
                    $($($later: Default::default(),)*)?
                    $($($first, $second),+)?
                }
            }
        }

        impl TryFrom<$crate::$wire> for $model {
            type Error = $crate::WireError;

            #[inline]
            fn try_from(wire: $crate::$wire) -> Result<Self, $crate::WireError> {
                $(let wire = $check(wire)?;)?
                Ok(Self {
                    $($field: $crate::field::Field::of_wire(wire.$field, stringify!($field))?,)*
                    $($($later: $crate::field::Field::of_wire(wire.$later, stringify!($later))?,)*)?
                    $($($one: $crate::field::Field::of_wire((wire.$first, wire.$second), stringify!($second))?,)+)?
                })
            }
        }

        $crate::field::parts! { $absence $wire = $model; }
    )*};
}
pub(crate) use {messages, parts};

/// A value and what a message holds: how it is written, and how it is read.
macro_rules! fields {
    ($($model:ty as $wire:ty: |$value:ident| $to:expr, |$field:ident, $name:tt| $of:expr;)*) => {$(
        impl Field<$wire> for $model {
            #[inline]
            fn to_wire(&self) -> $wire {
                let $value = self;
                $to
            }

            #[inline]
            fn of_wire($field: $wire, $name: &'static str) -> Result<Self, WireError> {
                $of
            }
        }
    )*};
}
pub(crate) use fields;

macro_rules! plain {
    ($($value:ty),*) => { fields! { $($value as $value: |value| value.clone(), |wire, _| Ok(wire);)* } };
}

macro_rules! enums {
    ($($value:ty),*) => {
        fields! { $($value as u32: |value| *value as u32, |wire, name| pick(&Self::ALL, wire, name);)* }
    };
}

plain! { bool, u32, u64, i64 }

enums! { Cast, Family, FlowState, Group, OrderBy, PacketKind, Presence, Transport }

fields! {
    String as String: |text| text.clone(), |text, name| within(text, name);
    u8 as u32: |number| u32::from(*number), |wire, name| narrow(wire, name);
    u16 as u32: |number| u32::from(*number), |wire, name| narrow(wire, name);
    Evidence as u64: |evidence| evidence.0, |bits, _| Ok(Self(bits));
    Timestamp as i64: |time| time.0, |nanos, _| Ok(Self(nanos));
    Interval as (i64, i64): |interval| (interval.from.0, interval.to.0), |wire, _| {
        Ok(Self::new(Timestamp(wire.0), Timestamp(wire.1)))
    };
    [u32; 2] as (u32, u32): |pair| (*pair).into(), |wire, _| Ok(wire.into());
    // Both are there, or none.
    Option<(u64, u64)> as (Option<u64>, Option<u64>): |pair| pair.unzip(), |wire, _| Ok(wire.0.zip(wire.1));
    // Empty text: none.
    Option<String> as String: |text| text.clone().unwrap_or_default(), |text, name| {
        Ok(Some(within(text, name)?).filter(|text| !text.is_empty()))
    };
    IpAddr as Vec<u8>: |address| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }, |octets, _| match octets.len() {
        4 => Ok(<[u8; 4]>::try_from(octets).unwrap_or_default().into()),
        _ => <[u8; 16]>::try_from(octets).map(Self::from).map_err(|octets| WireError::Address(octets.len())),
    };
    Mac as Vec<u8>: |mac| mac.0.to_vec(), |octets, _| {
        octets.try_into().map(Self).map_err(|octets: Vec<u8>| WireError::Mac(octets.len()))
    };
    // No octets: the link has no addresses.
    Option<Mac> as Vec<u8>: |mac| mac.map(|mac| mac.to_wire()).unwrap_or_default(), |octets, name| {
        if octets.is_empty() { Ok(None) } else { Mac::of_wire(octets, name).map(Some) }
    };
    Option<Word> as u32: |word| word.map_or(0, |word| word as u32 + 1), |wire, name| match wire {
        0 => Ok(None),
        _ => pick(&Word::ALL, wire - 1, name).map(Some),
    };
    // 0 is not used.
    LossReason as u32: |reason| *reason as u32 + 1, |wire, name| pick(&Self::ALL, wire.wrapping_sub(1), name);
    Facility as u32: |facility| facility.number(), |wire, name| {
        Self::of_number(wire).ok_or(WireError::Range(name, u64::from(wire)))
    };
    Counted as u32: |facility| u32::from(facility.number), |wire, name| {
        Self::of_number(wire).ok_or(WireError::Range(name, u64::from(wire)))
    };
    Filter as String: |filter| filter.to_string(), |text, _| Ok(text.parse()?);
    Rules as String: |rules| rules.to_string(), |text, _| Ok(text.parse()?);
    Scope as Vec<wire::ScopePoint>: |scope| scope.0.to_wire(), |points, name| match points.len() {
        count if count > MAX_POINTS => Err(WireError::TooMany(name, count)),
        _ => Vec::<Point>::of_wire(points, name).map(Self),
    };
}

/// Octets of a name: of a sensor, an interface, a link type, a version.
const NAME: usize = 256;
/// Octets of what a program says in words: of the errors of all interfaces.
const WORDS: usize = 1 << 16;

/// The text of the field `name`, if it is not too long.
fn within(text: String, name: &'static str) -> Result<String, WireError> {
    let most = if matches!(name, "trouble" | "refused" | "notes") { WORDS } else { NAME };
    if text.len() <= most { Ok(text) } else { Err(WireError::Long(name, text.len(), most)) }
}

/// Observation points that one query may name.
const MAX_POINTS: usize = 1_000;

impl<W, T: Field<W>> Field<Option<W>> for Option<T> {
    fn to_wire(&self) -> Option<W> {
        self.as_ref().map(Field::to_wire)
    }

    fn of_wire(wire: Option<W>, name: &'static str) -> Result<Self, WireError> {
        wire.map(|wire| T::of_wire(wire, name)).transpose()
    }
}

impl<W, T: Field<W>> Field<Vec<W>> for Vec<T> {
    fn to_wire(&self) -> Vec<W> {
        self.iter().map(Field::to_wire).collect()
    }

    fn of_wire(wire: Vec<W>, name: &'static str) -> Result<Self, WireError> {
        wire.into_iter().map(|wire| T::of_wire(wire, name)).collect()
    }
}

fn narrow<T: TryFrom<u32>>(number: u32, name: &'static str) -> Result<T, WireError> {
    T::try_from(number).map_err(|_| WireError::Range(name, u64::from(number)))
}

/// The value whose place among `all` is `number`.
fn pick<T: Copy>(all: &[T], number: u32, name: &'static str) -> Result<T, WireError> {
    all.get(number as usize).copied().ok_or(WireError::Range(name, u64::from(number)))
}
