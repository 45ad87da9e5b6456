//! Enumerations that know all their variants, and their names.

/// Defines an enumeration. `ALL` are its variants in their order; `name`, where the variants have names, is the name of one.
#[macro_export]
macro_rules! enumeration {
    ($(#[$meta:meta])* pub enum $enumeration:ident { $($(#[$about:meta])* $variant:ident = $name:literal,)* }) => {
        $crate::enumeration! { $(#[$meta])* pub enum $enumeration { $($(#[$about])* $variant,)* } }

        impl $enumeration {
            /// As it stands in commands, on screens, in JSON and SQL.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
    ($(#[$meta:meta])* pub enum $enumeration:ident { $($(#[$about:meta])* $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enumeration { $($(#[$about])* $variant,)* }

        impl $enumeration {
            /// All of them, in the order of the wire's numbers.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];
        }
    };
}
