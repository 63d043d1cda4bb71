//! How bad something is, and what kind of thing it is about.
//!
//! Here, below rules and store, because both rank alerts: the rules raise them with a
//! level, and a full outbox keeps the worst. Each name stands in this file only.

/// An enum whose variants have one lower-case name in rules, records and the API.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every one, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// Every name, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)+];

            /// The name used in rules, the API and the store.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The one of that name; names are lower case.
            #[must_use]
            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| known.name() == name)
            }
        }
    };
}

named! {
    /// Severity of an alert, least first.
    Level {
        /// Worth knowing.
        Info = "info",
        /// Needs attention.
        Warning = "warning",
        /// Something failed.
        Error = "error",
        /// Act now.
        Critical = "critical",
    }
}

named! {
    /// What an alert is about.
    AlertType {
        /// The board.
        System = "system",
        /// A drone.
        Drone = "drone",
        /// Training jobs.
        Training = "training",
        /// Links.
        Network = "network",
        /// Access.
        Security = "security",
        /// Speed.
        Performance = "performance",
    }
}
