//! What can be asked of a drone: its questions, one a line, with the SDK that brought each.

macro_rules! queries {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $since:literal;)+) => {
        /// What can be asked of a drone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Query { $($(#[$doc])* $variant,)+ }

        impl Query {
            /// Every query.
            pub const ALL: &'static [Query] = &[$(Query::$variant,)+];

            /// The text in the SDK.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Query::$variant => $word,)+ }
            }

            /// Major SDK version that introduced it.
            #[must_use]
            pub const fn since_sdk(self) -> u8 {
                match self { $(Query::$variant => $since,)+ }
            }
        }
    };
}

impl Query {
    /// The word without its question mark.
    #[must_use]
    pub const fn name(self) -> &'static str {
        let word = self.word();
        match word.split_at_checked(word.len() - 1) {
            // (They all end in one.)
            Some((name, _)) => name,
            None => word,
        }
    }

    /// The query of that word, with its question mark or without.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Query> {
        let named = |query: &&Query| query.name() == name || query.word() == name;
        Query::ALL.iter().find(named).copied()
    }
}

queries! {
    /// Battery in percent.
    Battery = "battery?", 1;
    /// Configured speed in cm/s.
    Speed = "speed?", 1;
    /// Motor time, `12s`.
    Time = "time?", 1;
    /// Wi-Fi signal-to-noise ratio.
    Wifi = "wifi?", 1;
    /// Height, `8dm`.
    Height = "height?", 1;
    /// Board temperatures, `65~66C`.
    Temperature = "temp?", 1;
    /// Attitude, in state format.
    Attitude = "attitude?", 1;
    /// Barometric altitude in m.
    Barometer = "baro?", 1;
    /// Acceleration, in state format.
    Acceleration = "acceleration?", 1;
    /// Distance to the floor, `100mm`.
    Floor = "tof?", 1;
    /// SDK version, `20`.
    Sdk = "sdk?", 2;
    /// Serial number.
    SerialNumber = "sn?", 2;
    /// Board type.
    Hardware = "hardware?", 3;
    /// Wi-Fi firmware version.
    WifiVersion = "wifiversion?", 3;
    /// Access point the drone joined.
    Ssid = "ssid?", 3;
    /// Name of the network that it was told to join.
    AccessPoint = "ap?", 3;
}
