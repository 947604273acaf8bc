//! Each reason by itself.

use super::*;
