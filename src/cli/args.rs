//! What can be typed. Names and defaults are a contract with scripts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

use super::exit::Exit;
use super::{overview, values};

const EXAMPLES: &str = "\
Examples:
  rosterd demo                 see all of it work, with nothing configured
  rosterd init                 write a short configuration to start from; asks
  rosterd check --online       find every mistake before the first run
  rosterd plan                 show what a run would do
  rosterd apply                do it, but for what looks like a mistake
  rosterd holds                see what waits for a person, and how to let it through";

const RUN: &str = "\
Signals:
  SIGHUP            read the configuration again; one with mistakes is refused, and the old one stays
  SIGUSR1           run now, or once more after the run under way
  SIGTERM, SIGINT   finish the calls under way, record them, and stop

Logs what it does to standard error (-q: errors alone). Ends with 0 when it is stopped: a run that fails \
is tried again at the next tick. Needs [schedule] in the configuration.";

const PLACES: &str = "\
Environment:
  ROSTERD_CONFIG          the configuration, where --config does not name it
  ROSTERD_LOG             what is logged, as directives such as info,rosterd::target=debug
  CREDENTIALS_DIRECTORY   where { credential = \"name\" } is looked for; systemd sets it
  NO_COLOR                no colours
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                          how Hyperproof is reached, where the configuration names no proxy

Files:
  /etc/rosterd/rosterd.toml     the configuration, where nothing else is named
  /var/lib/rosterd/rosterd.db   the state with the audit log, in the examples";

/// Keeps the groups of a Hyperproof organisation in step with a company's directory.
///
/// rosterd reads who should be in which group from directory servers (LDAP, Active Directory) and exports (CSV),
/// reads who is in it, and carries out the difference: behind a guard that holds whatever looks like a mistake, and
/// with an audit log that can be checked.
#[derive(Debug, Parser)]
#[command(name = "rosterd", version, max_term_width = 100, help_template = overview::template())]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}\n\n{PLACES}", Exit::table()))]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ROSTERD_CONFIG",
        default_value = "/etc/rosterd/rosterd.toml"
    )]
    pub config: PathBuf,

    /// Say more: whole lists, and more log (-vv: debug, -vvv: trace)
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Log less (-q: errors alone, -qq: nothing), and show no progress
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,

    /// How the log is written to standard error
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a short, commented configuration to start from
    Init(Init),
    /// Find every mistake in the configuration
    Check(Check),
    /// Show what a run would do, and change nothing
    Plan(Plan),
    /// Make one run: read, decide, and carry out what the guard lets through
    Apply(Apply),
    /// Run as a service, by the schedule of the configuration
    #[command(after_help = RUN)]
    Run,
    /// Show what waits for a person
    #[command(after_help = "\
Each hold is shown with whom it concerns and the command that approves it. Needs no secret and no network, and works \
while a run is under way.")]
    Holds,
    /// Let exactly what is held through
    Approve(Approve),
    /// Say why a person is, or is not, in a group
    Explain(Explain),
    /// Show who is, or was, in a group, and by which grant
    Members(Members),
    /// Write a sheet of a group's members for the group's owner
    Review(Review),
    /// Take back what one run did
    Undo(Undo),
    /// Show last runs, the next one, holds, and how old the last reads of the sources are
    #[command(after_help = "Needs no secret and no network, and works while a run is under way.")]
    Status,
    /// Read and check the audit log
    Audit {
        /// What to do with the log.
        #[command(subcommand)]
        command: Audit,
    },
    /// Make a consistent copy of the state, also while rosterd runs
    Backup(Backup),
    /// Serve a simulated Hyperproof organisation over HTTP
    Simulate(Simulate),
    /// See all of it work, with nothing configured
    #[command(long_about = "\
See all of it work, with nothing configured.

Starts a simulated Hyperproof organisation on a free loopback port, reads CSV files that are in the \
binary, plans, applies, lets through what is held, puts a change by hand right, and checks the audit \
log. Needs no network; nothing outside a temporary directory is touched.")]
    Demo,
    /// Print the JSON Schema of the configuration
    #[command(after_help = "\
Example:
  rosterd schema > rosterd.schema.json      for editors that complete and check TOML")]
    Schema,
    /// Print shell completions
    #[command(after_help = "\
Examples:
  rosterd completions bash > /etc/bash_completion.d/rosterd
  rosterd completions zsh  > /usr/local/share/zsh/site-functions/_rosterd")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page
    #[command(after_help = "\
Example:
  rosterd man > /usr/local/share/man/man1/rosterd.1")]
    Man,
}

/// `rosterd init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd init                 asks, when there is a terminal
  rosterd init --source ldap --out rosterd.toml")]
pub struct Init {
    /// Where people come from; left out, it is asked for on a terminal, and else csv
    #[arg(long, value_enum)]
    pub source: Option<SourceChoice>,
    /// The file to write; an existing one is never overwritten [default: the file of --config]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Kinds of sources that a first configuration can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SourceChoice {
    /// A directory server: Active Directory, OpenLDAP, FreeIPA, 389 Directory Server.
    Ldap,
    /// Files of comma-separated values, such as an HR export.
    Csv,
}

/// `rosterd check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd check                file, line and key of every mistake
  rosterd check --online       also sign in everywhere, and show what each mapping matches")]
pub struct Check {
    /// Also sign in to the sources and to Hyperproof, and read a page; nothing is written
    #[arg(long)]
    pub online: bool,
}

/// `rosterd plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd plan
  rosterd plan --group \"Compliance Managers\" -v
  rosterd plan --format markdown --out plan.md
  rosterd plan --exit-code     ends with 10 when changes are pending")]
pub struct Plan {
    /// End with 10 when changes are pending
    #[arg(long)]
    pub exit_code: bool,
    /// How to show the plan
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,
    /// Write the plan to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only this target group; may be given several times
    #[arg(long = "group", value_name = "NAME")]
    pub groups: Vec<String>,
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a person at a terminal.
    Text,
    /// `rosterd.plan/1`, for scripts.
    Json,
    /// For a ticket or a pull request.
    Markdown,
}

/// `rosterd apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd apply
  rosterd apply --format json > run.json
  rosterd apply --group \"Compliance Managers\"

What the guard holds is left alone, and everything else goes ahead: see rosterd holds. Ends with 0 when \
everything was done, 11 when something is held, 12 when something failed, 13 when something could not \
be read.")]
pub struct Apply {
    /// How to show what was done
    #[arg(long, value_enum, default_value_t = RunFormat::Text)]
    pub format: RunFormat,
    /// Only this target group; may be given several times
    #[arg(long = "group", value_name = "NAME")]
    pub groups: Vec<String>,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RunFormat {
    /// For a person at a terminal.
    Text,
    /// `rosterd.run/1`, for scripts.
    Json,
}

/// `rosterd approve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd approve h-3f2a90b1c2d3 --by \"Ann Miller\" --reason \"team dissolved\" --ticket GRC-421
  rosterd approve sha256:… --by \"Ann Miller\" --reason \"first run, checked\"

An approval lets exactly the changes that are held now through, each once, in the next run.")]
pub struct Approve {
    /// A hold's id, or a plan's digest for all holds of that plan
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    /// Who approves
    #[arg(long, value_name = "WHO", value_parser = values::said)]
    pub by: String,
    /// Why; it goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = values::said)]
    pub reason: String,
    /// A ticket's reference
    #[arg(long, value_name = "REF", value_parser = values::said)]
    pub ticket: Option<String>,
    /// How long the approval holds, such as 30m, 24h or 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = values::duration)]
    pub expires: Duration,
}

/// `rosterd explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd explain ana@corp.example
  rosterd explain ana@corp.example \"Compliance Managers\"
  rosterd explain ana@corp.example --at 2026-03-03     why she lost access that day
  rosterd explain E1011 --live                         reads the sources and Hyperproof afresh

Answers from the facts of the last run, and says how old they are; nobody is asked, and nothing is \
changed. Of the past the audit log tells.")]
pub struct Explain {
    /// An address, an account's id, or a person's id or DN
    #[arg(value_name = "PERSON", value_parser = values::said)]
    pub person: String,
    /// A target group, by name or id [default: all that concern the person]
    #[arg(value_name = "GROUP", value_parser = values::said)]
    pub group: Option<String>,
    /// As of this day (its end) or time, in the schedule's time zone unless it names one
    #[arg(long, value_name = "TIME", conflicts_with = "live")]
    pub at: Option<String>,
    /// Read the sources and Hyperproof afresh; nothing is stored
    #[arg(long)]
    pub live: bool,
    /// How to show the answer
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
}

/// How an explanation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For a person at a terminal.
    Text,
    /// `rosterd.explain/1`, for scripts.
    Json,
}

/// `rosterd members`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd members \"Compliance Managers\"
  rosterd members \"Compliance Managers\" --at 2026-03-31 --format csv > members.csv")]
pub struct Members {
    /// A target group, by name or id
    #[arg(value_name = "GROUP", value_parser = values::said)]
    pub group: String,
    /// As of this day (its end) or time, in the schedule's time zone unless it names one
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How to show the members
    #[arg(long, value_enum, default_value_t = MembersFormat::Text)]
    pub format: MembersFormat,
}

/// How members are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MembersFormat {
    /// For a person at a terminal.
    Text,
    /// `rosterd.members/1`, for scripts.
    Json,
    /// For a spreadsheet.
    Csv,
}

/// `rosterd review`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd review \"Compliance Managers\" > review.md
  rosterd review \"Compliance Managers\" --format csv --out review.csv")]
pub struct Review {
    /// A target group, by name or id
    #[arg(value_name = "GROUP", value_parser = values::said)]
    pub group: String,
    /// How to write the sheet
    #[arg(long, value_enum, default_value_t = ReviewFormat::Markdown)]
    pub format: ReviewFormat,
    /// Write the sheet to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// How a sheet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReviewFormat {
    /// For a ticket or a wiki.
    Markdown,
    /// For a spreadsheet.
    Csv,
}

/// `rosterd undo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd undo 0199c1f2…             show what would be taken back
  rosterd undo 0199c1f2… --apply     do it

What somebody changed after that run is left as it is, and listed. The guard judges as in any run: see \
rosterd holds. The directory still says what it said, so each membership that was taken back is held (rule \
undone) until the directory says something else or a person approves it. A group that the run created stays.")]
pub struct Undo {
    /// The run's id, or the first 8 characters of it or more
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Take it back; without this it is only planned
    #[arg(long)]
    pub apply: bool,
    /// How to show the plan, or what was done (text, json)
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,
}

/// `rosterd audit …`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Show the log: all of it, unless told otherwise
    List(AuditList),
    /// Check that no record was changed, dropped or moved
    Verify(AuditVerify),
    /// Print the public key of audit.signing_key, and its fingerprint, for those who check
    Pubkey,
    /// Write an evidence pack of a period
    Export(AuditExport),
}

/// `rosterd audit list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd audit list --limit 20
  rosterd audit list --since 2026-11-01 --format csv > audit.csv
  rosterd audit list --run 0199… --format jsonl")]
pub struct AuditList {
    /// How to show the records
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub format: AuditFormat,
    /// Only the latest so many records
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
    /// Only records from this day or time on (2026-11-22, or 2026-11-22T05:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = values::instant)]
    pub since: Option<Timestamp>,
    /// Only the records of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
}

/// How audit records are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// For a person at a terminal.
    Text,
    /// `rosterd.audit/1`: one record a line, as it is in the chain.
    Jsonl,
    /// For a spreadsheet.
    Csv,
}

/// `rosterd audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd audit verify
  rosterd audit verify /backup/rosterd.db
  rosterd audit verify /var/lib/rosterd/rosterd.db.archive
  rosterd audit verify --pubkey audit-key.pub.pem --checkpoints /mnt/worm/rosterd/checkpoints

Needs no network and changes nothing. Ends with 15 when the log does not verify, and names the first \
bad record.")]
pub struct AuditVerify {
    /// A state file, a copy of one, an archive, a directory of archives, an evidence pack, or a log in JSON Lines
    /// [default: the state file of the configuration, with its archives]
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// Public keys in PEM, one of which must have signed the log (repeatable)
    #[arg(long = "pubkey", value_name = "FILE")]
    pub pubkeys: Vec<PathBuf>,
    /// A checkpoint file to compare the log with [default: that of the configuration, where no PATH is given]
    #[arg(long, value_name = "FILE")]
    pub checkpoints: Option<PathBuf>,
}

/// `rosterd audit export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosterd audit export --from 2026-01-01 --to 2027-01-01 --out evidence-2026
  rosterd audit export --from 2026-10-01 --out evidence --seed 4711 --sample 40
  rosterd audit export --from 2026-10-01 --out outside --pseudonymise --key-file /root/pack.key

A day is its beginning, so that --to 2027-01-01 ends with the last instant of 2026. Days and times without an \
offset are read in the schedule's time zone, or in --timezone. Print the digest of the manifest to whoever \
gets the pack; rosterd audit verify DIR checks it anywhere.")]
pub struct AuditExport {
    /// From this day or time on (2026-01-01, 2026-01-01T06:00, 2026-01-01T06:00:00+01:00)
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// Up to this day or time, not including it [default: now]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// The directory to write: a new one, or an empty one
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many joiners, and how many leavers, are drawn
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub sample: u32,
    /// What the sample is drawn by; a random one otherwise
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=9_007_199_254_740_991))]
    pub seed: Option<u64>,
    /// How long a removal may take, such as 4h, 24h or 3d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = values::duration)]
    pub objective: Duration,
    /// The time zone of days, such as Europe/Berlin [default: the schedule's, else UTC]
    #[arg(long, value_name = "NAME")]
    pub timezone: Option<String>,
    /// Let pseudonyms stand for people; the records of the chain are then left out
    #[arg(long)]
    pub pseudonymise: bool,
    /// Where the key of the pseudonyms is written; shown once otherwise
    #[arg(long, value_name = "FILE", requires = "pseudonymise")]
    pub key_file: Option<PathBuf>,
}

/// `rosterd backup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  rosterd backup /backup/rosterd-$(date +%F).db

The log in the copy is checked. Archives of old records lie beside the state and are not in it: keep copies \
of them too.")]
pub struct Backup {
    /// The file to write; an existing one is never overwritten
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `rosterd simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  rosterd simulate --listen 127.0.0.1:8080 --world world.json")]
pub struct Simulate {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: SocketAddr,
    /// The organisation to begin with; left out, an empty one
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_may_stand_behind_the_command() {
        let arguments = parse("rosterd plan --config a.toml -vv --group A --group B --exit-code").unwrap();
        assert_eq!(arguments.global.config, PathBuf::from("a.toml"));
        assert_eq!(arguments.global.verbose, 2);
        let Command::Plan(plan) = arguments.command else { panic!("{:?}", arguments.command) };
        assert_eq!((plan.groups.len(), plan.exit_code, plan.format), (2, true, PlanFormat::Text));
    }

    #[test]
    fn an_approval_needs_who_and_why() {
        assert!(parse("rosterd approve h-1 --by ann").is_err());
        assert!(parse("rosterd approve --by ann --reason ok").is_err());
        assert!(Arguments::try_parse_from(["rosterd", "approve", "h-1", "--by", " ", "--reason", "ok"]).is_err());
        let arguments = parse("rosterd approve h-1 h-2 --by ann --reason ok").unwrap();
        let Command::Approve(approve) = arguments.command else { panic!("{:?}", arguments.command) };
        assert_eq!((approve.ids.len(), approve.expires), (2, Duration::from_secs(86_400)));
    }

    #[test]
    fn mistakes_in_usage_end_with_2() {
        for line in ["rosterd", "rosterd plann", "rosterd plan --format yaml", "rosterd -v -q plan", "rosterd simulate"]
        {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
