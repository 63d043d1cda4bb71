//! A notification in words: which gateway, which drone, what, since when, what to do.
//!
//! Pure. Every channel that speaks to people shows these parts in its own form, so that
//! none forgets one. Made from the alert's data, never from the gateway's English
//! sentence where there are words of the reader's language.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::channel::Notification;
use super::sender::TEST_ORIGIN;
use super::words::{self, Phrase};
use crate::config::notify::Language;
use alerting::quantity;
use readings::{Level, Metric};
use store::{AlertRecord, OutboxEvent};

/// How a message looks: how bad it is, or that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// It stands, and is so bad.
    Stands(Level),
    /// Nothing to do any more.
    Over,
}

/// A notification in words of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) urgency: Urgency,
    /// In a line: how bad, which gateway, which drone, what.
    pub(super) title: String,
    /// What it is called, and what it is: gateway, drone, since when.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The name of `advice`, and what to do, where that is known.
    pub(super) advice: Option<(&'static str, String)>,
    /// What the link is called, and where it leads.
    pub(super) link: Option<(&'static str, String)>,
}

impl Message {
    /// `notification` in `language`.
    pub(super) fn of(notification: &Notification, language: Language) -> Message {
        let event = notification.record.event;
        let alert = &notification.record.alert;
        let is_over = matches!(event, OutboxEvent::Cleared | OutboxEvent::Resolved);
        let is_test = alert.origin == TEST_ORIGIN;
        let what = Sentence {
            notification,
            language,
        };
        let mut facts = vec![(
            Phrase::Gateway.say(language),
            notification.gateway.to_string(),
        )];
        // Several alerts have each their own.
        if !notification.is_summary {
            facts.push(what.subject_fact());
            facts.push((Phrase::Since.say(language), local_time(alert.created_us)));
        }
        let by = match event {
            OutboxEvent::Acknowledged => alert.acknowledged.as_ref(),
            OutboxEvent::Resolved => alert.resolved.as_ref(),
            OutboxEvent::Raised | OutboxEvent::Cleared => None,
        };
        if let Some((_, by)) = by {
            let by = match &**by {
                "auto" => Phrase::ByItself.say(language),
                by => words::of(language, "who", by).unwrap_or(by),
            };
            facts.push((Phrase::By.say(language), by.to_owned()));
        }
        if let Some(again) = notification.again {
            let minutes = again.unanswered.as_secs() / 60;
            facts.push((Phrase::Unanswered.say(language), format!("{minutes} min")));
        }
        // (A summary says it in its first line.)
        let also = notification.also.iter().map(|other| Sentence {
            notification: other,
            language,
        });
        let also: Vec<String> = also.map(|other| other.told()).collect();
        if !also.is_empty() {
            let lines = std::iter::once(what.told()).filter(|_| notification.is_summary);
            let lines: Vec<String> = lines.chain(also).collect();
            facts.push((Phrase::Also.say(language), lines.join("\n")));
        }
        let advice = what.advice().filter(|_| !is_over && !is_test);
        if let Some(details) = what.details(advice.is_some()).filter(|_| !is_test) {
            facts.push((Phrase::Details.say(language), details));
        }
        Message {
            urgency: match is_over {
                true => Urgency::Over,
                false => Urgency::Stands(notification.level().unwrap_or(Level::Info)),
            },
            title: what.title(),
            facts,
            advice: advice.map(|advice| (Phrase::Advice.say(language), advice)),
            link: notification
                .link()
                .map(|link| (Phrase::Open.say(language), link)),
        }
    }

    /// The whole as plain lines, without the link.
    pub(super) fn lines(&self) -> String {
        let facts = self.facts.iter().chain(&self.advice);
        let lines = facts.map(|(name, value)| format!("{name}: {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The parts of one notification's sentence.
struct Sentence<'a> {
    notification: &'a Notification,
    language: Language,
}

impl Sentence<'_> {
    fn alert(&self) -> &AlertRecord {
        &self.notification.record.alert
    }

    /// `[roof] Critical: North hall: Battery 9 % (below 10 %)`; for several of one kind how
    /// many more, and for what is over by now how many.
    fn title(&self) -> String {
        let others = self.notification.also.len();
        let gateway = &self.notification.gateway;
        if self.notification.is_summary {
            let over = Phrase::CameAndWent.say(self.language);
            return format!("[{gateway}] {over}: {}", others + 1);
        }
        match others {
            0 => format!("[{gateway}] {}", self.told()),
            others => format!("[{gateway}] {} (+{others})", self.told()),
        }
    }

    /// How bad it is, whom it is about, and what it is.
    fn told(&self) -> String {
        let (language, alert) = (self.language, self.alert());
        let state = match self.notification.record.event {
            OutboxEvent::Raised => words::of(language, "level", &alert.level),
            OutboxEvent::Acknowledged => words::of(language, "alert", "acknowledged"),
            OutboxEvent::Cleared => Some(Phrase::Over.say(language)),
            OutboxEvent::Resolved => words::of(language, "alert", "resolved"),
        };
        let state = capitalised(state.unwrap_or(&alert.level));
        let (subject, event) = (self.subject(), self.event());
        let blanks = [("subject", &*subject), ("event", &*event)];
        let sentence = words::filled(language, "alert", "sentence", &blanks);
        format!("{state}: {}", sentence.unwrap_or_default())
    }

    /// The drone by its name, the board, a sensor.
    fn subject(&self) -> String {
        let (language, subject) = (self.language, &*self.alert().subject);
        if let Some(drone) = &self.notification.drone {
            return match drone.simulated {
                true => format!("{} ({})", drone.name, Phrase::Simulated.say(language)),
                false => drone.name.to_string(),
            };
        }
        let part =
            |name: &str, part: &str| words::filled(language, "subject", name, &[("part", part)]);
        if let Some(channel) = subject.strip_prefix("notify/") {
            return channel.to_owned();
        }
        let said = if ["board", "gateway", ""].contains(&subject) {
            words::of(language, "subject", "board").map(str::to_owned)
        } else if let Some(sensor) = subject.strip_prefix("board/") {
            part("boardPart", sensor)
        } else if let Some(sensor) = subject.strip_prefix("bridge/") {
            part("bridge", sensor)
        } else {
            None
        };
        said.unwrap_or_else(|| subject.to_owned())
    }

    /// The subject with its name and its id.
    fn subject_fact(&self) -> (&'static str, String) {
        let (language, id) = (self.language, &self.alert().subject);
        match &self.notification.drone {
            Some(drone) if *drone.name == **id => (Phrase::Drone.say(language), self.subject()),
            Some(_) => (
                Phrase::Drone.say(language),
                format!("{} ({id})", self.subject()),
            ),
            None => (Phrase::Source.say(language), self.subject()),
        }
    }

    /// What happened, without whom it happened to.
    fn event(&self) -> String {
        let (language, alert) = (self.language, self.alert());
        if alert.origin == TEST_ORIGIN {
            return Phrase::Test.say(language).to_owned();
        }
        let Some(name) = &alert.metric else {
            let condition = words::of(language, "condition", &alert.rule);
            return condition.map_or_else(|| alert.message.clone(), str::to_owned);
        };
        if let Some(flag) = words::of(language, "flag", name) {
            return flag.to_owned();
        }
        let shown = |value: Option<f64>| match (Metric::from_name(name), value) {
            (Some(metric), Some(value)) => quantity(metric, value),
            _ => String::new(),
        };
        let threshold = shown(alert.threshold);
        let limit = limit_word(&alert.message)
            .and_then(|word| words::filled(language, "limit", word, &[("value", &threshold)]))
            .unwrap_or_else(|| threshold.clone());
        let metric = words::of(language, "metric", name).unwrap_or(name);
        let value = shown(alert.value);
        let blanks = [("metric", metric), ("value", &value), ("limit", &limit)];
        words::filled(language, "alert", "measured", &blanks).unwrap_or_default()
    }

    /// What to do, where that is known.
    fn advice(&self) -> Option<String> {
        let alert = self.alert();
        let name = alert.metric.as_ref().unwrap_or(&alert.rule);
        let known = words::of(self.language, "advice", name).map(str::to_owned);
        // What the gateway adds to a condition mostly says what to do, in English.
        known.or_else(|| match (self.language, &alert.metric) {
            (Language::En, None) => alert.details.clone(),
            _ => None,
        })
    }

    /// The gateway's own sentence, which is English: it has the reason of a condition.
    /// A Japanese reader gets it where there is nothing else to go by.
    fn details(&self, has_advice: bool) -> Option<String> {
        let alert = self.alert();
        let has_words = words::of(self.language, "condition", &alert.rule).is_some();
        let is_said = alert.metric.is_some() || !has_words;
        let is_foreign = self.language == Language::Ja && has_advice;
        (!is_said && !is_foreign).then(|| alert.message.clone())
    }
}

/// The page's word for how value and threshold compare, as the gateway's message ends:
/// `(< 20 %)`.
fn limit_word(message: &str) -> Option<&'static str> {
    let (_, end) = message.rsplit_once('(')?;
    Some(match end.split(' ').next()? {
        "<" => "below",
        "<=" => "atMost",
        ">" => "above",
        ">=" => "atLeast",
        "==" => "equal",
        "!=" => "notEqual",
        _ => return None,
    })
}

/// The moment by the clock on the wall, with its distance to UTC.
pub(super) fn local_time(us: i64) -> String {
    let at = Timestamp::from_microsecond(us).unwrap_or_default();
    at.to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// At most `most` characters; what is cut off is marked.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            kept + "…"
        }
    }
}

/// `text` with every character that Markdown gives a meaning to written as itself: a
/// drone's name must not become a link or mention anybody.
pub(super) fn markdown(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\*_~`|[]<>".contains(character) {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
