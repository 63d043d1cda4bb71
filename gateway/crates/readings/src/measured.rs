//! The page of metrics, and what writes to it.
//!
//! Rooms count in plain structures and implement [`Measured`]; at each scrape the
//! page turns their counts into families with names, help texts and labels, and
//! keeps nothing.

use std::fmt::{self, Error};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Something with counters for `/metrics`.
pub trait Measured: Send + Sync {
    /// Writes its counters to the page. Called at each scrape: it must neither
    /// block nor count anything itself.
    ///
    /// # Errors
    /// The page cannot be written to.
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// Labels of a sample.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page of metrics being written. Names have no `mfg_drone_` prefix and
/// counters no `_total` suffix: both are added.
pub struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    /// A counter without labels.
    ///
    /// # Errors
    /// The page cannot be written to.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        let metric = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(metric)
    }

    /// A family of counters.
    ///
    /// # Errors
    /// The page cannot be written to.
    pub fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> Result<(), Error> {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// A gauge without labels.
    ///
    /// # Errors
    /// The page cannot be written to.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        let metric = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(metric)
    }

    /// A family of gauges. Values that are not known are left out by the caller.
    ///
    /// # Errors
    /// The page cannot be written to.
    pub fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> Result<(), Error> {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// A family of histograms: labels, sum, count, and counts by upper bound
    /// (not cumulative; the last bound is infinite).
    ///
    /// # Errors
    /// The page cannot be written to.
    pub fn histograms<'l>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l>, f64, u64, Vec<(f64, u64)>)>,
    ) -> Result<(), Error> {
        let mut family = self
            .encoder
            .encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, sum, count, buckets) in samples {
            family
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

/// Writes a page. `fill` runs once.
///
/// # Errors
/// Whatever `fill` returns.
pub fn page(
    fill: impl Fn(&mut Page<'_>) -> Result<(), Error> + Send + Sync + 'static,
) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("mfg_drone");
    registry.register_collector(Box::new(Filler(fill)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    encode_eof(&mut text)?;
    Ok(text)
}

struct Filler<F>(F);

impl<F> fmt::Debug for Filler<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filler")
    }
}

impl<F: Fn(&mut Page<'_>) -> Result<(), Error> + Send + Sync + 'static> Collector for Filler<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        (self.0)(&mut Page { encoder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_open_metrics() {
        let text = page(|page| {
            page.counter("requests", "Requests", 3)?;
            page.counters("errors", "Errors", [(&[("kind", "tls")] as Labels<'_>, 7)])?;
            page.gauge("uptime_seconds", "Uptime", 1.5)?;
            page.gauges(
                "battery_percent",
                "Battery",
                [(&[("drone", "a\"b")] as Labels<'_>, 42.5)],
            )?;
            let buckets = vec![(0.1, 1), (f64::INFINITY, 2)];
            page.histograms(
                "latency_seconds",
                "Latency",
                [(&[("route", "/")] as Labels<'_>, 1.5, 3, buckets)],
            )
        })
        .expect("written");
        for line in [
            "# TYPE mfg_drone_requests counter",
            "mfg_drone_requests_total 3",
            "mfg_drone_errors_total{kind=\"tls\"} 7",
            "mfg_drone_uptime_seconds 1.5",
            "mfg_drone_battery_percent{drone=\"a\\\"b\"} 42.5",
            "mfg_drone_latency_seconds_bucket{le=\"0.1\",route=\"/\"} 1",
            "mfg_drone_latency_seconds_bucket{le=\"+Inf\",route=\"/\"} 3",
            "mfg_drone_latency_seconds_count{route=\"/\"} 3",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
