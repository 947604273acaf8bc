//! Several installations at once, each a real service that runs every second while its surroundings go wrong
//! at random. `ROSTERD_SOAK_SECONDS`, `ROSTERD_SOAK_INSTALLATIONS` and `ROSTERD_SOAK_SEED` make it longer,
//! wider, and choose the same things again (moments differ from run to run).

mod installation;
mod record;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use installation::Installation;
use record::Figures;

/// Decisions of one installation (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, and not {text:?}")))
}

#[test]
fn installations_stay_in_step_whatever_goes_wrong() {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = setting("ROSTERD_SOAK_SEED", clock.as_secs());
    let time = Duration::from_secs(setting("ROSTERD_SOAK_SECONDS", 45));
    let count = setting("ROSTERD_SOAK_INSTALLATIONS", 4);
    eprintln!("soak: ROSTERD_SOAK_SEED={seed}, {count} installations, {} s", time.as_secs());
    let threads: Vec<_> = (0..count)
        .map(|number| std::thread::spawn(move || Installation::new(seed.wrapping_add(number)).live(time)))
        .collect();
    let ended: Vec<_> = threads.into_iter().map(std::thread::JoinHandle::join).collect();
    let mut told = String::new();
    let mut runs = 0;
    let mut failed = false;
    for (number, figures) in ended.into_iter().enumerate() {
        match figures {
            Ok(figures) => {
                runs += figures.runs;
                let _ = writeln!(told, "{number}: {figures}");
            }
            Err(_) => failed = true,
        }
    }
    eprintln!("soak: {runs} runs\n{told}");
    assert!(!failed, "an installation failed (its message is above); ROSTERD_SOAK_SEED={seed}");
    // Far fewer than there are on a busy machine: it did run.
    assert!(runs as u64 >= count * time.as_secs() / 5, "{runs} runs");
}
