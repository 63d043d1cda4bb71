//! Bridge.
#![no_std]
