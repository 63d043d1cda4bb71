//! The page of metrics in the format that is older than OpenMetrics (text 0.0.4), for
//! whoever does not ask for the newer one: `promtool`, agents, a person with curl.
//!
//! Pure. Only what differs is changed: the head of a counter names its samples, with
//! `_total`; kinds that are newer are gauges; there is no unit and no end mark.

use std::fmt::Write as _;

/// The same page, from an OpenMetrics page as `page` writes it.
#[must_use]
pub fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    // The help stands before the type that decides its name.
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
            continue;
        }
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            let kind = match kind {
                "info" | "stateset" | "gaugehistogram" => "gauge",
                "unknown" => "untyped",
                kind => kind,
            };
            if let Some((_, words)) = help.take().filter(|(of, _)| *of == name) {
                let _ = writeln!(text, "# HELP {name}{suffix} {words}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
            continue;
        }
        if !line.starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::{Labels, page};

    #[test]
    fn a_counter_is_called_as_its_samples_are_and_there_is_no_end_mark() {
        let text = page(|page| {
            page.counter("requests", "Requests", 3)?;
            page.gauge("uptime_seconds", "Uptime", 1.5)?;
            page.gauges(
                "info",
                "What runs",
                [(&[("version", "1 # x")] as Labels<'_>, 1.0)],
            )
        })
        .expect("written");
        assert_eq!(
            classic(&text),
            "# HELP mfg_drone_requests_total Requests\n\
             # TYPE mfg_drone_requests_total counter\n\
             mfg_drone_requests_total 3\n\
             # HELP mfg_drone_uptime_seconds Uptime\n\
             # TYPE mfg_drone_uptime_seconds gauge\n\
             mfg_drone_uptime_seconds 1.5\n\
             # HELP mfg_drone_info What runs\n\
             # TYPE mfg_drone_info gauge\n\
             mfg_drone_info{version=\"1 # x\"} 1.0\n"
        );
    }
}
