//! An answer: from its flag, else from a person at a terminal, else by default. Without a terminal nobody is asked, and an
//! answer that has no default is an error that names the flag.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::str::FromStr;

/// Bytes of one typed line; more is no answer.
const LINE_BYTES_MAX: u64 = 1024;

/// Something to decide.
#[derive(Debug)]
pub struct Question {
    /// The flag that answers it.
    pub flag: &'static str,
    /// As a person is asked; no question mark.
    pub words: &'static str,
    /// Taken where nothing is said.
    pub default: Option<&'static str>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The flag's value makes no sense.
    #[error("`{flag}`: `{text}` is not {expected}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// Its value.
        text: String,
        /// What would be right.
        expected: String,
    },
    /// Nobody can be asked.
    #[error("`{flag}` is missing ({words}), and nobody can be asked here")]
    Missing {
        /// The flag.
        flag: &'static str,
        /// What it is about.
        words: &'static str,
    },
    /// The person ended it (Ctrl-D).
    #[error("stopped; nothing was written")]
    Stopped,
    /// The terminal can't be read.
    #[error("could not read the answer")]
    Unreadable(#[source] io::Error),
}

/// Somebody at a terminal.
pub trait Person {
    /// Shows `prompt` and reads a line, without its end; `None` once there are no more.
    fn answer(&mut self, prompt: &str) -> io::Result<Option<String>>;
    /// Says something.
    fn tell(&mut self, text: &str);
}

/// Whoever sits at this program's terminal.
#[derive(Debug)]
pub struct Terminal(());

impl Terminal {
    /// `None` if the questions could not be read or the answers not be typed.
    pub fn of_process() -> Option<Self> {
        (io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self(()))
    }
}

impl Person for Terminal {
    fn answer(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let mut stderr = io::stderr().lock();
        stderr.write_all(prompt.as_bytes())?;
        stderr.flush()?;
        let mut line = String::new();
        // A line that is longer is cut, and its rest is the next answer; neither makes sense, and both are asked for again.
        let read = io::Read::take(io::stdin().lock(), LINE_BYTES_MAX).read_line(&mut line)?;
        Ok((read > 0).then_some(line))
    }

    fn tell(&mut self, text: &str) {
        crate::terminal::say(text);
    }
}

/// Asks whom there is to ask.
pub struct Questions<'a> {
    person: Option<&'a mut dyn Person>,
}

impl<'a> Questions<'a> {
    /// To `person`, or to nobody.
    pub fn new(person: Option<&'a mut dyn Person>) -> Self {
        Self { person }
    }

    /// The answer to `question`; `given` is the value of its flag.
    pub fn ask<T>(&mut self, question: &Question, given: Option<&str>) -> Result<T, QuestionError>
    where
        T: FromStr<Err = String>,
    {
        let Question { flag, words, default } = *question;
        if let Some(text) = given {
            return parse(flag, text);
        }
        let Some(person) = &mut self.person else {
            return parse(flag, default.ok_or(QuestionError::Missing { flag, words })?);
        };
        let prompt = default.map_or_else(|| format!("{words}: "), |default| format!("{words} [{default}]: "));
        loop {
            let line = person.answer(&prompt).map_err(QuestionError::Unreadable)?.ok_or(QuestionError::Stopped)?;
            let text = match (line.trim(), default) {
                ("", Some(default)) => default,
                ("", None) => continue,
                (text, _) => text,
            };
            match text.parse() {
                Ok(value) => return Ok(value),
                Err(expected) => person.tell(&format!("that is not {expected}")),
            }
        }
    }
}

fn parse<T: FromStr<Err = String>>(flag: &'static str, text: &str) -> Result<T, QuestionError> {
    text.parse().map_err(|expected| QuestionError::Value { flag, text: text.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::super::values::{Memory, Name};
    use super::*;

    const NAME: Question = Question { flag: "--name", words: "name of the app", default: None };
    const MEMORY: Question = Question { flag: "--memory", words: "memory in MB", default: Some("256") };

    #[derive(Default)]
    struct Scripted {
        lines: Vec<&'static str>,
        seen: String,
    }

    impl Scripted {
        fn typing(lines: &[&'static str]) -> Self {
            Self { lines: lines.iter().rev().copied().collect(), seen: String::new() }
        }
    }

    impl Person for Scripted {
        fn answer(&mut self, prompt: &str) -> io::Result<Option<String>> {
            self.seen.push_str(prompt);
            let line = self.lines.pop().map(str::to_owned);
            self.seen.push_str(line.as_deref().unwrap_or_default());
            Ok(line)
        }

        fn tell(&mut self, text: &str) {
            self.seen.push_str(text);
            self.seen.push('\n');
        }
    }

    #[test]
    fn a_person_is_asked_until_the_answer_makes_sense() {
        let mut person = Scripted::typing(&["\n", "Our Tasks\n", "our-tasks\n", "\n"]);
        let mut questions = Questions::new(Some(&mut person));
        assert_eq!(questions.ask::<Name>(&NAME, None).unwrap().to_string(), "our-tasks");
        assert_eq!(questions.ask::<Memory>(&MEMORY, None).unwrap().to_string(), "256");
        assert_eq!(
            person.seen,
            "name of the app: \n\
             name of the app: Our Tasks\n\
             that is not a name of 2 to 30 lower-case letters, digits and hyphens, such as `our-tasks`\n\
             name of the app: our-tasks\n\
             memory in MB [256]: \n"
        );
    }

    #[test]
    fn what_a_flag_says_is_not_asked() {
        let mut person = Scripted::default();
        let memory: Memory = Questions::new(Some(&mut person)).ask(&MEMORY, Some("512")).unwrap();
        assert_eq!((memory.to_string(), person.seen), ("512".to_owned(), String::new()));
    }

    #[test]
    fn a_wrong_flag_is_an_error_even_at_a_terminal() {
        let error = Questions::new(Some(&mut Scripted::default())).ask::<Memory>(&MEMORY, Some("lots")).unwrap_err();
        assert_eq!(error.to_string(), "`--memory`: `lots` is not a number of megabytes from 128 to 65536");
    }

    #[test]
    fn without_a_terminal_the_missing_flag_is_named() {
        let mut questions = Questions::new(None);
        assert_eq!(questions.ask::<Memory>(&MEMORY, None).unwrap().to_string(), "256");
        let error = questions.ask::<Name>(&NAME, None).unwrap_err();
        assert_eq!(error.to_string(), "`--name` is missing (name of the app), and nobody can be asked here");
    }

    #[test]
    fn the_end_of_input_ends_the_questions() {
        let error = Questions::new(Some(&mut Scripted::default())).ask::<Name>(&NAME, None).unwrap_err();
        assert!(matches!(error, QuestionError::Stopped));
    }
}
