//! `rosterd simulate`: a simulated Hyperproof organisation over real HTTP.

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::args::Simulate;
use super::exit::{Exit, Fault};
use super::output::{Output, io_text};
use super::session;
use crate::report::words::plural;
use crate::simulator::{self, World};

/// Serves until it is told to stop.
pub(super) fn run(output: &Output, simulate: &Simulate) -> Result<Exit, Fault> {
    let world = match &simulate.world {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Fault::usage(anyhow::anyhow!("cannot read {}: {}", path.display(), io_text(&error)))
            })?;
            World::from_json(&text).map_err(Fault::usage)?
        }
        None => World::new("Simulated organisation"),
    };
    if !simulate.listen.ip().is_loopback() {
        output.note("warning: anybody who reaches this address can steer the simulator and read its client secret");
    }
    session::serve(async {
        let listener = TcpListener::bind(simulate.listen).await.map_err(|error| {
            let help = "name another port, or port 0 for a free one";
            Fault::usage(anyhow::anyhow!("cannot listen on {}: {}\nhelp: {help}", simulate.listen, io_text(&error)))
        })?;
        let address = listener.local_addr().map_err(anyhow::Error::new)?;
        output.answer(&told(&address.to_string(), &world))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(anyhow::Error::new)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(anyhow::Error::new)?;
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        simulator::serve(listener, world, stop).await.map_err(|error| Fault::from(anyhow::Error::new(error)))
    })?;
    Ok(Exit::Fine)
}

/// What to write into a configuration to work with it.
fn told(address: &str, world: &World) -> String {
    format!(
        "Simulating {} with {} and {}; stop it with Ctrl-C. To work with it:\n\
         \n\
         [hyperproof]\n\
         api_url = \"http://{address}/v1\"\n\
         token_url = \"http://{address}/oauth/token\"\n\
         client_id = \"{}\"\n\
         client_secret = {{ env = \"ROSTERD_CLIENT_SECRET\" }}   # export ROSTERD_CLIENT_SECRET={}\n\
         \n\
         To look at it: http://{address}/_sim/state and http://{address}/_sim/requests\n",
        world.organization,
        plural(world.users.len(), "account"),
        plural(world.groups.len(), "group"),
        world.client.client_id,
        world.client.client_secret,
    )
}
