//! Floor 6: the binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rosterd::cli::main(std::env::args_os()).into()
}
