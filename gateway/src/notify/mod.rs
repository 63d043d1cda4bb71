//! Outgoing notifications.
