//! A simulated Hyperproof organisation over real HTTP.
