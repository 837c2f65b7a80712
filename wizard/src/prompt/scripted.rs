//! Answers from a list, for tests. A question that was not expected, or an answer that nobody asked for, fails the test.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::{PromptError, Prompter};

/// Expected questions with their answers, in order. Each expectation is a part of the question.
#[derive(Default)]
pub(crate) struct Scripted(VecDeque<(&'static str, String)>);

impl Scripted {
    /// `script` holds pairs of (part of the question, answer); for yes or no, `yes`, `no` or `enter`.
    pub(crate) fn new(script: &[(&'static str, &str)]) -> Self {
        Self(script.iter().map(|(question, answer)| (*question, (*answer).to_owned())).collect())
    }

    fn answer(&mut self, question: &str) -> String {
        let (expected, answer) = self.0.pop_front().unwrap_or_else(|| panic!("unexpected question: {question}"));
        assert!(question.contains(expected), "expected a question with {expected:?}, got {question:?}");
        answer
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "never asked: {:?}", self.0);
        }
    }
}

impl Prompter for Scripted {
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool, PromptError> {
        match self.answer(question).as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            "enter" => Ok(default),
            "ctrl-c" => Err(PromptError::Interrupted),
            other => panic!("{other:?} is no answer to {question:?}"),
        }
    }

    fn line(&mut self, question: &str) -> Result<String, PromptError> {
        Ok(self.answer(question))
    }

    fn paste(&mut self, question: &str, enough: &dyn Fn(&str) -> bool) -> Result<Zeroizing<String>, PromptError> {
        let answer = self.answer(question);
        assert!(enough(&answer) || answer.is_empty(), "a person would still sit there");
        Ok(Zeroizing::new(answer))
    }
}
