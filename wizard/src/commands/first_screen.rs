//! A bare `taskferry` with somebody in front of it: what would they like to do? On a computer that syncs already that
//! question is settled, and its status is shown.

use clap::CommandFactory;

use super::setup::{self, Where};
use super::{join, status};
use crate::cli::{self, Cli};
use crate::error::Failure;
use crate::flow::Run;
use crate::flow::computer::Computer;
use crate::pending::Pending;

/// Runs it.
pub fn run(run: &mut Run<'_>) -> Result<(), Failure> {
    let computer = Computer::look_to_change(run)?;
    if Pending::find(run.context)?.is_some() {
        run.terminal.say_note("a setup or a join waits to be finished: run `taskferry verify`\n");
    }
    if computer.account.is_some() {
        status::run(run, &cli::Status::default())?;
        run.terminal.say("\nfor all commands, run `taskferry --help`");
        return Ok(());
    }
    run.terminal.say("taskferry carries your Taskwarrior tasks between your computers");
    computer.introduce(run);
    match setup::choose_where(run, "show all commands")? {
        Where::Server(address, invited) => setup::set_up(run, &cli::Setup::default(), invited, &computer, address),
        Where::Home => setup::at_home(run, &cli::Setup::default(), None, &computer),
        Where::Join => join::ask_and_join(run, &cli::Join::default(), &computer),
        Where::Neither => help(run),
    }
}

fn help(run: &mut Run<'_>) -> Result<(), Failure> {
    run.data(&Cli::command().render_help().to_string())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::error::Exit;
    use crate::testing::computer::FakeComputer;
    use crate::testing::server::FakeServer;

    #[test]
    fn a_bare_call_leads_to_sync_with_two_answers() {
        let server = FakeServer::taskferry();
        let script = [("your choice, 1 to 5 [1]", ""), ("go on?", "enter")];
        let mut laptop = FakeComputer::new().with_cloud(&server).with_person(&script);
        let run = laptop.run("", &server);
        assert_eq!(run.exit, Exit::Fine);
        let screen = run.talk.split_once("asking `").unwrap().0;
        assert_snapshot!(screen, @r"
        taskferry carries your Taskwarrior tasks between your computers
        found Taskwarrior 3.5.0 (`~/bin/task`)
        looking for cloud sync at `[SERVER]` …

        through which server shall your computers share tasks?
        none can read them: they are encrypted here first

          1  set up sync: cloud sync at `[SERVER]`, nothing to run yourself
          2  set up sync: a server of your own, or one that you were invited to
          3  set up sync: a server on this very computer (needs `taskferry-server`, not found)
          4  join from another computer, which syncs already
          5  show all commands
        ");
        assert_eq!((server.accounts(), laptop.syncs()), (1, 1));
    }

    #[test]
    fn a_server_of_ones_own_that_wants_an_invite_takes_four_answers() {
        let invite = "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ";
        let server = FakeServer::taskferry().invites(invite);
        let url = server.url();
        let script = [("your choice", "2"), ("address", url.as_str()), ("invite", invite), ("go on?", "enter")];
        assert_eq!(FakeComputer::new().with_person(&script).run("", &server).exit, Exit::Fine);
    }

    #[test]
    fn the_other_entries_join_or_show_the_commands() {
        let server = FakeServer::taskferry();
        let credentials = server.credentials(1, "sesame");
        server.account(&credentials);
        let link = credentials.to_text();
        let script = [("your choice", "4"), ("paste the setup link", link.as_str()), ("go on?", "enter")];
        assert_eq!(FakeComputer::new().with_person(&script).run("", &server).exit, Exit::Fine);

        let mut laptop = FakeComputer::new().with_person(&[("your choice", "5")]);
        let run = laptop.run("", &server);
        assert!(run.data.contains("Where to start:"), "{}", run.data);
        assert_eq!(laptop.read(".taskrc"), None);
    }

    #[test]
    fn a_computer_that_syncs_shows_its_status() {
        let server = FakeServer::taskferry();
        let mut laptop = FakeComputer::new();
        laptop.run("setup --yes --server [SERVER]", &server);
        let run = laptop.with_person(&[]).run("", &server);
        assert!(run.talk.starts_with("this computer syncs with `[SERVER]`, account `"), "{}", run.talk);
        assert!(run.talk.contains("taskferry --help"), "{}", run.talk);
    }

    #[test]
    fn what_waits_for_a_server_is_said_before_anything_is_asked() {
        let server = FakeServer::taskferry();
        server.refuses_for_now(u32::MAX);
        let credentials = server.credentials(1, "sesame");
        let mut desktop = FakeComputer::new().with_input(&credentials.to_text());
        assert_eq!(desktop.run("join --from-stdin --yes", &server).exit, Exit::Failed);
        server.refuses_for_now(0);
        let run = desktop.with_cloud(&server).with_person(&[("your choice", "5")]).run("", &server);
        assert!(run.talk.starts_with("note: a setup or a join waits to be finished"), "{}", run.talk);
    }

    #[test]
    fn without_anybody_a_bare_call_is_help_and_looks_at_nothing() {
        let server = FakeServer::taskferry();
        for words in ["", "--no-input"] {
            let mut laptop = FakeComputer::new();
            if !words.is_empty() {
                laptop = laptop.with_person(&[]);
            }
            let run = laptop.run(words, &server);
            assert_eq!((run.exit, run.talk.as_str()), (Exit::Fine, ""));
            assert!(run.data.contains("Where to start:"), "{}", run.data);
        }
        assert_eq!(server.asked(), Vec::<String>::new());
    }
}
