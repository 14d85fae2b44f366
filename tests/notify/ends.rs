//! Places that fail, and a process that ends in the midst.

use pgsluice::host::desk::Verdict;

use crate::places::{Answer, Server};
use crate::stage::{Stage, slack, teams, webhook};

#[test]
fn a_message_is_sent_again_until_it_arrives_and_is_the_same_message() {
    let elsewhere = Server::start([]);
    let there = format!("http://127.0.0.1:{}/", elsewhere.port);
    let pager = Server::start([Answer::Status(500), Answer::Redirect(there), Answer::Later(1), Answer::Status(403)]);
    let stage = Stage::new(&webhook(pager.port));
    let hold = stage.hold("DROP TABLE orders");
    let all: Vec<_> = (0..5).map(|_| pager.next()).collect();
    assert!(all.iter().all(|heard| heard.is_signed() && heard.id() == format!("{hold}-opened") && heard.body == all[0].body));
    stage.settled();
    assert_eq!(stage.wait(|standings| standings[0].trouble.is_none())[0].backlog, pgsluice::host::notify::Backlog::default());
    assert!(elsewhere.rest().is_empty(), "a redirect was followed");
    assert!(pager.rest().is_empty());
}

#[test]
fn what_is_not_told_outlives_the_end_of_the_process() {
    let (chat, pager) = (Server::start([Answer::Hang]), Server::start([Answer::Hang]));
    let toml = format!("{}{}", slack(chat.port), webhook(pager.port));
    let mut stage = Stage::new(&toml);
    let one = stage.hold("DROP TABLE one");
    // They are on their way, and nobody will ever know whether they arrived.
    assert!(chat.next().contains(&one));
    assert_eq!(pager.next().id(), format!("{one}-opened"));
    stage.stop();
    let two = stage.hold("DROP TABLE two");
    stage.start(&toml);
    let ids = [pager.next().id().to_owned(), pager.next().id().to_owned()];
    assert_eq!(ids, [format!("{one}-opened"), format!("{two}-opened")]);
    assert!(chat.next().contains(&one) && chat.next().contains(&two));
    stage.settled();
    // What was told is not told again, and what became of it meanwhile is.
    stage.stop();
    stage.decide(&one, Verdict::Approve, "");
    stage.start(&toml);
    assert_eq!(pager.next().id(), format!("{one}-approved"));
    let update = chat.next();
    assert!(update.call == "chat.update" && update.contains("Approved by rita"));
    stage.settled();
    stage.stop();
    stage.start(&toml);
    stage.settled();
    assert!(chat.rest().is_empty() && pager.rest().is_empty());
}

#[test]
fn what_never_arrived_is_kept_to_be_seen() {
    let cards = Server::start(std::iter::repeat_n(Answer::Status(500), 1_000));
    let stage = Stage::new(&teams(cards.port));
    let hold = stage.hold("DROP TABLE orders");
    cards.next();
    stage.wait(|standings| standings[0].trouble.as_deref() == Some("it answered 500"));
    stage.decide(&hold, Verdict::Approve, "");
    let standing = stage.wait(|standings| standings[0].backlog.dead == 1)[0].clone();
    assert_eq!(standing.backlog.waiting, 0);
    let dead = stage.store().dead().unwrap();
    assert_eq!((dead.len(), dead[0].hold.as_str(), dead[0].place.as_str()), (1, hold.as_str(), "teams"));
    assert_eq!(dead[0].trouble, "it answered 500");
    assert_eq!(stage.store().clear_dead().unwrap(), 1);
}

#[test]
fn what_a_place_does_not_take_is_given_up_and_holds_up_nothing() {
    let chat = Server::start(std::iter::repeat_n(Answer::Slack("invalid_blocks"), 1));
    let stage = Stage::new(&slack(chat.port));
    let one = stage.hold("DROP TABLE one");
    assert!(chat.next().contains(&one));
    let two = stage.hold("DROP TABLE two");
    assert!(chat.next().contains(&two));
    // It comes again, after the other.
    assert!(chat.next().contains(&one));
    stage.settled();
}

#[test]
fn a_slow_place_holds_up_no_other() {
    let (chat, pager) = (Server::start([Answer::Hang]), Server::start([]));
    let stage = Stage::new(&format!("{}{}", slack(chat.port), webhook(pager.port)));
    stage.hold("DROP TABLE one");
    chat.next();
    for number in 0..3 {
        let hold = stage.hold(&format!("DROP TABLE t{number}"));
        while pager.next().id() != format!("{hold}-opened") {}
    }
    assert!(chat.rest().is_empty());
}

#[test]
fn no_message_goes_to_where_clouds_keep_credentials() {
    for (to, expected) in [
        ("https://169.254.169.254/latest", "link-local"),
        ("https://[::ffff:169.254.1.1]/", "link-local"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("https://[64:ff9b::a9fe:a9fe]/", "link-local"),
        ("https://0.0.0.0:1/", "names no one machine"),
    ] {
        let stage = Stage::new(&format!("[teams]\nurl = \"{to}\"\n[[webhook]]\nname = \"x\"\nurl = \"{to}\"\n"));
        stage.hold("DROP TABLE orders");
        let standings = stage.wait(|standings| standings.iter().all(|standing| standing.trouble.is_some()));
        assert!(standings.iter().all(|standing| standing.trouble.as_ref().unwrap().contains(expected)), "{standings:?}");
    }
}
