//! Processor clocks and everything that says they were lowered: the cap, the
//! firmware's throttle word, and the counters of PCs.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::quantity::{Quantity, Role};
use crate::rates::{FREQUENCY_CAP_MS, FREQUENCY_MS, THROTTLE_MS};

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn look(search: &mut Search) {
    frequencies(search);
    throttle_word(search);
    throttle_count(search);
}

/// One policy for each set of cores that share a clock.
fn frequencies(search: &mut Search) {
    let mut policies: Vec<(String, String)> = search
        .tree
        .list(&format!("{CPU}/cpufreq"))
        .into_iter()
        .filter(|name| name.starts_with("policy"))
        .map(|name| (format!("{CPU}/cpufreq/{name}"), name))
        .collect();
    // Old kernels have the directory with each processor only.
    let old = format!("{CPU}/cpu0/cpufreq");
    if policies.is_empty() && search.tree.exists(&old) {
        policies.push((old, "policy0".to_owned()));
    }
    if policies.is_empty() {
        search.note("no cpufreq policy: the clock is fixed or set by a hypervisor");
    }
    for (path, policy) in policies {
        let files = [
            ("scaling_cur_freq", "now", Role::CpuFrequency, FREQUENCY_MS),
            (
                "scaling_max_freq",
                "cap",
                Role::CpuFrequencyCap,
                FREQUENCY_CAP_MS,
            ),
        ];
        for (file, what, role, period_ms) in files {
            let source = format!("{path}/{file}");
            if search.tree.exists(&source) {
                // The files are in kHz.
                let draft = Draft::new(
                    format!("cpufreq:{policy}:{what}"),
                    Quantity::Frequency,
                    role,
                    Decode::KILO,
                )
                .label(format!("processor clock {what}, {policy}"))
                .subject(policy.as_str());
                search.add(source.clone(), source, period_ms, vec![draft]);
            }
        }
        if let Some(khz) = search.tree.number(&format!("{path}/cpuinfo_max_freq")) {
            search.fact(
                format!("{policy} rated clock"),
                format!("{:.0} MHz", khz / 1000.0),
                format!("{path}/cpuinfo_max_freq"),
            );
        }
    }
}

/// Bits of the Raspberry Pi firmware's word (`vcgencmd get_throttled` in its
/// documentation): 0 undervoltage, 1 frequency capped, 2 throttled, 3 soft
/// temperature limit; 16 higher the same since boot.
fn throttle_word(search: &mut Search) {
    let Some(throttling) = search.detected.profile.throttling.clone() else {
        return;
    };
    let source = throttling.word.as_str().to_owned();
    if !search.tree.exists(&source) {
        search.note(format!(
            "{source} is not there: this kernel does not tell the firmware's throttling"
        ));
        return;
    }
    let bits = |name: &str, label: &str, role, mask| {
        Draft::new(
            format!("throttle:{name}"),
            Quantity::Flag,
            role,
            Decode::HexBits { mask },
        )
        .label(label)
    };
    let mut drafts = vec![
        bits(
            "now",
            "slowed down by the firmware",
            Role::Throttled,
            0b1110,
        ),
        bits(
            "since-boot",
            "slowed down by the firmware since boot",
            Role::ThrottledSinceBoot,
            0b1110 << 16,
        ),
        bits(
            "undervoltage-since-boot",
            "supply undervoltage since boot",
            Role::UndervoltageSinceBoot,
            1 << 16,
        ),
    ];
    // The voltage monitor is better where there is one: the word may stay 0.
    if search.wants(Role::Undervoltage) {
        drafts.push(bits(
            "undervoltage",
            "supply undervoltage",
            Role::Undervoltage,
            1,
        ));
    }
    search.add(source.clone(), source, THROTTLE_MS, drafts);
}

/// Intel's count of thermal slow-downs; one processor speaks for the package.
fn throttle_count(search: &mut Search) {
    let source = format!("{CPU}/cpu0/thermal_throttle/package_throttle_count");
    if search.tree.exists(&source) {
        let draft = Draft::new(
            "throttle:package-count",
            Quantity::Count,
            Role::ThrottleEvents,
            Decode::UNIT,
        )
        .label("times slowed down for heat");
        search.add(source.clone(), source, THROTTLE_MS, vec![draft]);
    }
}
