//! Families of metrics, and their text by the encoder of Prometheus' client library. Floor 4, pure.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// The text's media type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is told at once.
#[derive(Debug, Default)]
pub(super) struct Exposition(Vec<Family>);

/// A metric with its values.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<(Vec<(String, String)>, Value)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    Whole(u64),
    Real(f64),
}

impl Exposition {
    /// Adds a metric; each is there once.
    pub(super) fn put(&mut self, family: Family) {
        self.0.push(family);
    }

    /// The text.
    pub(super) fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a String does not fail, and no value here fails to encode");
        text
    }
}

impl Family {
    /// What only goes up. The text adds `_total` to the name.
    pub(super) fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, samples: Vec::new() }
    }

    /// What goes up and down.
    pub(super) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, samples: Vec::new() }
    }

    /// A count.
    pub(super) fn count(self, labels: &[(&str, &str)], value: u64) -> Self {
        self.value(labels, Value::Whole(value))
    }

    /// A count of things in memory.
    pub(super) fn whole(self, labels: &[(&str, &str)], value: usize) -> Self {
        self.count(labels, value as u64)
    }

    /// Yes or no.
    pub(super) fn flag(self, labels: &[(&str, &str)], value: bool) -> Self {
        self.count(labels, u64::from(value))
    }

    /// A number.
    pub(super) fn real(self, labels: &[(&str, &str)], value: f64) -> Self {
        self.value(labels, Value::Real(value))
    }

    /// A length of time, if it is known.
    pub(super) fn lasts(self, labels: &[(&str, &str)], value: Option<Duration>) -> Self {
        match value {
            Some(value) => self.real(labels, value.as_secs_f64()),
            None => self,
        }
    }

    /// A time, if it is known.
    pub(super) fn at(self, labels: &[(&str, &str)], value: Option<Timestamp>) -> Self {
        match value {
            Some(value) => self.real(labels, value.as_millisecond() as f64 / 1000.0),
            None => self,
        }
    }

    fn value(mut self, labels: &[(&str, &str)], value: Value) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.samples.push((labels.collect(), value));
        self
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for (labels, value) in &self.samples {
            // Braces around nothing are not in the format.
            match labels.as_slice() {
                [] => write(&mut family, self.kind, *value)?,
                _ => write(&mut family.encode_family(labels)?, self.kind, *value)?,
            }
        }
        Ok(())
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

fn write(metric: &mut MetricEncoder<'_>, kind: Kind, value: Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Gauge, Value::Whole(value)) => metric.encode_gauge(&value),
        (Kind::Gauge, Value::Real(value)) => metric.encode_gauge(&value),
        (Kind::Counter, Value::Whole(value)) => metric.encode_counter::<NoLabelSet, u64, f64>(&value, None),
        (Kind::Counter, Value::Real(value)) => metric.encode_counter::<NoLabelSet, f64, f64>(&value, None),
    }
}
