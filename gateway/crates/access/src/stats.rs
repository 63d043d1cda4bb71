//! What is counted here, for `/metrics`.

/// Counters for `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AccessStats {
    /// Keys in the table.
    pub keys: u64,
    /// Requests with a wrong key.
    pub failed: u64,
    /// Requests with a valid key that lacked the permission.
    pub refused: u64,
    /// Addresses locked out now.
    pub locked_out: u64,
    /// Requests refused by a lock-out.
    pub blocked: u64,
    /// Requests refused by a rate limit.
    pub rate_limited: u64,
    /// Lock-out table entries evicted at capacity.
    pub lockout_evictions: u64,
    /// Wrong keys answered as locked out because the table was full of lock-outs.
    pub lockout_uncounted: u64,
    /// Rate-limit table entries evicted at capacity.
    pub rate_evictions: u64,
    /// Browsers signed in.
    pub browsers: u64,
    /// Signed-in browsers that had to make room for others.
    pub browser_evictions: u64,
    /// Sign-in links that had to make room for others.
    pub link_evictions: u64,
    /// Whether a request from another machine was let in by its key since the start.
    pub asked_from_outside: bool,
}
