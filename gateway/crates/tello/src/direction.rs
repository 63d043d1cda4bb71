//! Where a straight move leads.

/// Direction of a straight move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the sky.
    Up,
    /// Towards the floor.
    Down,
    /// To the drone's left.
    Left,
    /// To the drone's right.
    Right,
    /// Where the camera looks.
    Forward,
    /// Away from where the camera looks.
    Back,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Direction; 6] = [
        Direction::Up,
        Direction::Down,
        Direction::Left,
        Direction::Right,
        Direction::Forward,
        Direction::Back,
    ];

    /// The word in the SDK.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
            Direction::Left => "left",
            Direction::Right => "right",
            Direction::Forward => "forward",
            Direction::Back => "back",
        }
    }
}
