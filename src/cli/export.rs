//! `rosterd audit export`: an evidence pack of a period. The log is read twice, page by page: once for where
//! the period begins and ends, once for what is in it.

mod request;
mod stage;

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use super::args::{AuditExport, Global};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::session;
use crate::config::Config;
use crate::report;
use crate::report::pack::{self, ChainPart, Facts, Fold, Generated, Link, Period, Told, Verified};
use crate::report::words::{clean, plural};
use crate::store::{Access, Actor, AuditEntry, Event, LogCursor, Store, Verification, WholeLog, log_line};
use request::Request;
use stage::{Sink, Stage};

/// Writes the pack, and tells its digest.
pub(super) fn run(global: &Global, output: &Output, export: &AuditExport) -> Result<Exit, Fault> {
    let config = session::without_secrets(global)?;
    let request = Request::read(export, &config, Timestamp::now())?;
    let stage = Stage::new(&export.out)?;
    let answer = session::block_on(write(&config, request, stage))?;
    match answer {
        Ok(text) => output.answer(&text).map(|()| Exit::Fine).map_err(Fault::from),
        Err(text) => {
            output.answer(&text)?;
            Ok(Exit::Unverified)
        }
    }
}

/// The answer; or, where the log does not verify, what is wrong with it.
async fn write(config: &Config, request: Request, stage: Stage) -> Result<Result<String, String>, Fault> {
    let store = session::open(config, Access::ExistingOnly).await?;
    store.check_writable(request.now).await?;
    let (checked, head) = match store.verify().await? {
        Verification::Verified { records, last, head_hash, .. } => {
            (records, Link { seq: last.unwrap_or_default(), hash: head_hash })
        }
        bad @ Verification::Tampered { .. } => {
            let (text, _) = super::verify::verdict(&store.path().display().to_string(), &bad);
            return Ok(Err(format!("{text}no pack was written\n")));
        }
    };
    let log = store.whole_log(request.period.from, request.period.to).await?;
    let bounds = bounds(log.cursor(), &request.period).await?;
    let archives = log.read();
    let verified = Verified {
        result: "verified".to_owned(),
        records: checked + archives.iter().map(|archive| archive.records()).sum::<u64>(),
        head,
        archives: archives.iter().map(|archive| archive.file.clone()).collect(),
    };
    let made = Made { config, request: &request, log: &log, verified, bounds };
    let (fold, sha256, published) = made.pack(stage).await?;
    let recorded = record(&store, &request, &fold, &made, &sha256).await;
    let seq = match recorded {
        Ok(seq) => seq,
        Err(fault) => {
            published.withdraw();
            return Err(fault);
        }
    };
    let text = answer(&request, &fold, &made_range(&made.bounds), &sha256, seq);
    drop(made);
    store.close().await;
    Ok(Ok(text))
}

/// Where a period begins and ends in the chain.
#[derive(Debug, Clone, Default)]
struct Bounds {
    /// The record before the first one.
    anchor: Option<Link>,
    /// The first and the last record that bear a time of the period.
    range: Option<(Link, Link)>,
    /// The first record that was read.
    first_read: Option<i64>,
}

async fn bounds(mut cursor: LogCursor, period: &Period) -> Result<Bounds, Fault> {
    let mut bounds = Bounds::default();
    let mut before: Option<Link> = None;
    while let Some(page) = cursor.next_page().await? {
        for AuditEntry { seq, hash, record } in page {
            let at = pack::time_of(&record).map_err(|why| unreadable(seq, &why))?;
            let link = Link { seq, hash };
            bounds.first_read.get_or_insert(seq);
            if period.has(at) {
                match &mut bounds.range {
                    Some((_, last)) => *last = link.clone(),
                    None => {
                        bounds.anchor = before.take();
                        bounds.range = Some((link.clone(), link.clone()));
                    }
                }
            }
            // Without a record in the period, the pack hangs on the last one before it.
            if bounds.range.is_none() && at < period.from {
                bounds.anchor = Some(link.clone());
            }
            before = Some(link);
        }
    }
    Ok(bounds)
}

fn unreadable(seq: i64, why: &str) -> Fault {
    Fault::from(anyhow!("record {seq} of the log cannot be read: {why}\nhelp: run `rosterd audit verify`"))
}

/// What a pack is made of.
struct Made<'a> {
    config: &'a Config,
    request: &'a Request,
    log: &'a WholeLog,
    verified: Verified,
    bounds: Bounds,
}

/// The files that grow with the log.
struct Sinks {
    chain: Sink,
    population: Sink,
    population_json: Sink,
    exceptions: Sink,
    configuration: Sink,
}

impl Sinks {
    fn new(stage: &Stage, chain: &'static str) -> anyhow::Result<Self> {
        let mut sinks = Self {
            chain: stage.file(chain)?,
            population: stage.file(pack::POPULATION)?,
            population_json: stage.file(pack::POPULATION_JSON)?,
            exceptions: stage.file(pack::EXCEPTIONS)?,
            configuration: stage.file(pack::CONFIGURATION)?,
        };
        let [exceptions, configuration] = pack::exception_headings();
        sinks.population.put(&pack::csv_headings())?;
        sinks.exceptions.put(&exceptions)?;
        sinks.configuration.put(&configuration)?;
        Ok(sinks)
    }

    fn end(self, stage: &mut Stage) -> anyhow::Result<()> {
        for sink in [self.chain, self.population, self.population_json, self.exceptions, self.configuration] {
            stage.end(sink)?;
        }
        Ok(())
    }
}

impl Made<'_> {
    /// Writes everything; gives the digest of the manifest.
    async fn pack(&self, mut stage: Stage) -> Result<(Fold, String, stage::Published), Fault> {
        let mut fold = self.request.fold();
        let chain = if fold.who().is_hidden() { pack::HASHES } else { pack::LOG };
        let mut sinks = Sinks::new(&stage, chain)?;
        let start = self.records(&mut fold, &mut sinks).await?;
        sinks.end(&mut stage)?;
        stage.write(pack::MEMBERS_START, &start)?;
        stage.write(pack::MEMBERS_END, &fold.members().csv(fold.who()))?;
        stage.write(pack::SAMPLE, &fold.draw.csv())?;
        let mut manifest = pack::tell(&fold, self.facts(chain)?);
        stage.write(pack::REPORT, &pack::page(&manifest, &fold))?;
        stage.write(pack::GUIDE, &pack::guide(&manifest))?;
        manifest.files = stage.files();
        let sha256 = stage.write(pack::MANIFEST, &report::json(&manifest))?;
        stage.write(pack::MANIFEST_SUM, &format!("{sha256}  {}\n", pack::MANIFEST))?;
        self.request.keep_key()?;
        let published = stage.publish()?;
        Ok((fold, sha256, published))
    }

    /// The second pass; gives the members at the beginning.
    async fn records(&self, fold: &mut Fold, sinks: &mut Sinks) -> Result<String, Fault> {
        let (first, last) = made_range(&self.bounds).unwrap_or_else(|| {
            let after = self.bounds.anchor.as_ref().map_or(0, |anchor| anchor.seq);
            (after.saturating_add(1), after)
        });
        let hidden = fold.who().is_hidden();
        let mut start = None;
        let mut cursor = self.log.cursor();
        while let Some(page) = cursor.next_page().await? {
            for AuditEntry { seq, hash, record } in page {
                if seq > last && !fold.waits() {
                    break;
                }
                let told = Told::parse(&record).map_err(|why| unreadable(seq, &why))?;
                if seq < first {
                    fold.before(&told);
                    continue;
                }
                if seq > last {
                    fold.after(&told);
                    continue;
                }
                start.get_or_insert_with(|| fold.members().csv(fold.who()));
                let rows = fold.take(&told);
                sinks.chain.put(&match hidden {
                    true => format!("{{\"hash\":\"{hash}\",\"seq\":{seq}}}\n"),
                    false => log_line(seq, &hash, &record),
                })?;
                if let Some(outcome) = rows.outcome {
                    sinks.population.put(&outcome.csv())?;
                    sinks.population_json.put(&outcome.json())?;
                }
                sinks.exceptions.put(&rows.exceptions)?;
                sinks.configuration.put(&rows.configuration)?;
            }
        }
        sinks.exceptions.put(&fold.end().exceptions)?;
        Ok(start.unwrap_or_else(|| fold.members().csv(fold.who())))
    }

    fn facts(&self, chain: &str) -> Result<Facts, Fault> {
        let actor = session::actor(&self.config.target.client_id);
        let mut notes = self.request.notes.clone();
        if let Some(missing) = self.log.missing().last() {
            notes.push(format!(
                "Archives up to record {} were not there and were not read: what happened before is not in the lists of \
                 members.",
                missing.last_seq
            ));
        }
        let (seq, hash) = self.log.before();
        let (first, last) = self.bounds.range.clone().unzip();
        Ok(Facts {
            given: self.request.given.clone(),
            generated: Generated {
                at: pack::time(self.request.now),
                by: actor.operator.unwrap_or_default(),
                host: actor.host,
                service: actor.service,
                tool: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                binary_sha256: request::own_digest().context("cannot read the running binary")?,
                config_digest: self.config.digest.clone(),
            },
            chain: ChainPart {
                file: chain.to_owned(),
                records_included: chain == pack::LOG,
                anchor: self.bounds.anchor.clone().unwrap_or(Link { seq, hash }),
                first,
                last,
            },
            verified: self.verified.clone(),
            since_seq: self.bounds.first_read,
            notes,
        })
    }
}

fn made_range(bounds: &Bounds) -> Option<(i64, i64)> {
    bounds.range.as_ref().map(|(first, last)| (first.seq, last.seq))
}

/// Appends `exported`: the chain itself tells of the pack.
async fn record(store: &Store, request: &Request, fold: &Fold, made: &Made<'_>, sha256: &str) -> Result<i64, Fault> {
    let actor: Actor = session::actor(&made.config.target.client_id);
    let seq = |seq: Option<i64>| seq.map(|seq| seq.to_string()).unwrap_or_default();
    let range = made_range(&made.bounds);
    let detail = [
        ("from", pack::time(request.period.from)),
        ("to", pack::time(request.period.to)),
        ("timezone", request.period.zone_name().to_owned()),
        ("first_seq", seq(range.map(|(first, _)| first))),
        ("last_seq", seq(range.map(|(_, last)| last))),
        ("records", fold.counts.records.to_string()),
        ("seed", fold.draw.seed().to_string()),
        ("pseudonymised", fold.who().is_hidden().to_string()),
        ("manifest", format!("sha256:{sha256}")),
    ];
    let detail = detail.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let version = env!("CARGO_PKG_VERSION");
    Ok(store.record_event(Event::Exported, Timestamp::now(), &actor, version, &detail).await?)
}

fn answer(request: &Request, fold: &Fold, range: &Option<(i64, i64)>, sha256: &str, seq: i64) -> String {
    let period = &request.period;
    let records = match range {
        Some((first, last)) => format!("{} records, seq {first} to {last}", fold.counts.records),
        None => "no records".to_owned(),
    };
    let outcomes = fold.counts.events.get("outcome").copied().unwrap_or_default();
    let exceptions: u64 = fold.counts.exceptions.values().sum();
    let count = |count: u64, noun| plural(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let [joiners, leavers] = fold.draw.populations();
    format!(
        "{}: {records}, {}, {}\nfrom {}\nto   {}\nsample with seed {}: {} of {}, {} of {}\n{}manifest sha256 {sha256}\n\
         recorded as seq {seq}\n",
        clean(&request.shown),
        count(outcomes, "outcome"),
        count(exceptions, "exception"),
        period.shown(period.from),
        period.shown(period.to),
        fold.draw.seed(),
        fold.draw.joiners().len(),
        count(joiners, "joiner"),
        fold.draw.leavers().len(),
        count(leavers, "leaver"),
        request.key_shown(),
    )
}
