//! A crash at each step of holds: the journal as it was after each step, with the database as it was after that one or any before it, for the
//! database follows. Whatever it finds, the next start gives each statement what the record gives it, once, or less.

use super::*;

/// What whoever asks for a statement is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// Not asked for yet, or over: another hold.
    Another,
    Waits,
    Granted,
    Denied,
}

const STATEMENTS: [&str; 4] = ["DROP TABLE once", "DROP TABLE returned", "DROP TABLE denied", "DROP TABLE waits"];
const ONCE: usize = 0;
const RETURNED: usize = 1;
const DENIED: usize = 2;
const WAITS: usize = 3;

/// The files after a step.
struct Moment {
    step: &'static str,
    folder: TempDir,
    gets: [Gets; 4],
    holds: [Option<HoldId>; 4],
}

struct Script {
    place: Place,
    gets: [Gets; 4],
    holds: [Option<HoldId>; 4],
    moments: Vec<Moment>,
}

impl Script {
    /// The step was taken: all of it is in the files now.
    async fn after(&mut self, step: &'static str, changed: usize, gets: Gets) {
        self.gets[changed] = gets;
        let journal = &self.place.journal;
        journal.durable(journal.health().last_seq).await.unwrap();
        // What is on disk is saved before the second of these.
        self.place.done().await;
        self.place.done().await;
        let folder = tempfile::tempdir().unwrap();
        copy(self.place.folder.path(), folder.path(), |_| true);
        self.moments.push(Moment { step, folder, gets: self.gets, holds: self.holds });
    }

    async fn open(&mut self, statement: usize) {
        self.holds[statement] = Some(self.place.hold(STATEMENTS[statement]).await);
        self.after("opened", statement, Gets::Waits).await;
    }

    async fn approve(&mut self, statement: usize) {
        self.place.approve(self.holds[statement].unwrap()).await;
        self.after("approved", statement, Gets::Granted).await;
    }

    async fn spend(&mut self, statement: usize) {
        let petition = Petition { open_work: true, ..petition(STATEMENTS[statement]) };
        granted(self.place.desk.petition(&subject(1), petition, None).await);
        // What it is for may have been committed.
        self.after("spent", statement, Gets::Another).await;
    }

    async fn settle(&mut self, statement: usize, used: bool) {
        self.place.desk.settle(&[self.holds[statement].unwrap()], used);
        self.place.done().await;
        self.after("settled", statement, if used { Gets::Another } else { Gets::Granted }).await;
    }
}

fn of_database(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with("state.db")
}

/// Not the shared memory, which a crash does not leave.
fn copy(from: &Path, to: &Path, wanted: fn(&Path) -> bool) {
    for file in walk(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        if wanted(&file) && !file.to_str().unwrap().ends_with("-shm") {
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(&file, target).unwrap();
        }
    }
}

async fn script() -> Vec<Moment> {
    let place = Place::new(options());
    let mut script = Script { place, gets: [Gets::Another; 4], holds: [None; 4], moments: Vec::new() };
    script.open(ONCE).await;
    script.open(RETURNED).await;
    script.approve(RETURNED).await;
    script.spend(RETURNED).await;
    script.settle(RETURNED, false).await;
    script.open(DENIED).await;
    script.approve(ONCE).await;
    let no = script.place.desk.decide(script.holds[DENIED].unwrap(), &rita(), ruling(Verdict::Deny, None), FIRST).await;
    assert_eq!(no.unwrap().state, State::Denied);
    script.after("denied", DENIED, Gets::Denied).await;
    script.spend(ONCE).await;
    script.settle(ONCE, true).await;
    script.open(WAITS).await;
    script.spend(RETURNED).await;
    script.settle(RETURNED, false).await;
    script.moments
}

/// What each statement gets, and by which hold of those that were there.
async fn ask_all(place: &Place, holds: [Option<HoldId>; 4]) -> [Gets; 4] {
    let mut gets = [Gets::Another; 4];
    for (statement, sql) in STATEMENTS.iter().enumerate() {
        gets[statement] = match place.ask(sql).await {
            Reply::Waiting(waiting) if Some(waiting.hold) == holds[statement] => Gets::Waits,
            Reply::Waiting(_) => Gets::Another,
            Reply::Granted(grant) => {
                assert_eq!(Some(grant.hold()), holds[statement]);
                Gets::Granted
            }
            Reply::Refused(report) => {
                assert_eq!(report.code, "PS002");
                Gets::Denied
            }
            Reply::Nothing => panic!("{sql}"),
        };
    }
    gets
}

fn start(folder: TempDir) -> Place {
    let (state, journal, desk) = open(folder.path(), options());
    Place { folder, state, journal, desk }
}

#[tokio::test]
async fn wherever_it_crashed_each_gets_what_the_record_gives_it() {
    let moments = script().await;
    for (at, journal) in moments.iter().enumerate() {
        for database in &moments[..=at] {
            let name = format!("journal: {} ({at}), database: {}", journal.step, database.step);
            let folder = tempfile::tempdir().unwrap();
            copy(journal.folder.path(), folder.path(), |path| !of_database(path));
            copy(database.folder.path(), folder.path(), of_database);
            let mut expected = journal.gets;
            for (gets, hold) in expected.iter_mut().zip(database.holds) {
                // Nobody knows any more what it was.
                if hold.is_none() {
                    *gets = Gets::Another;
                }
            }
            let place = start(folder);
            assert_eq!(ask_all(&place, journal.holds).await, expected, "{name}");
            place.journal.durable(place.journal.health().last_seq).await.unwrap();
            // And once more, at once: what was granted is granted no more.
            let folder = tempfile::tempdir().unwrap();
            copy(place.folder.path(), folder.path(), |path| !of_database(path));
            copy(database.folder.path(), folder.path(), of_database);
            let again = expected.map(|gets| if gets == Gets::Granted { Gets::Another } else { gets });
            assert_eq!(ask_all(&start(folder), journal.holds).await, again, "again, {name}");
        }
    }
}

/// The database has a hold before the record has it: without the record there is none.
#[tokio::test]
async fn a_hold_that_never_came_on_the_record_never_was() {
    let moments = script().await;
    for pair in moments.windows(2).filter(|pair| pair[1].step == "opened") {
        let folder = tempfile::tempdir().unwrap();
        copy(pair[0].folder.path(), folder.path(), |path| !of_database(path));
        copy(pair[1].folder.path(), folder.path(), of_database);
        let known: Vec<i64> = pair[0].holds.iter().flatten().map(|hold| hold.number().cast_signed()).collect();
        let database = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
        let ids: Vec<i64> =
            database.prepare("SELECT id FROM hold").unwrap().query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for id in ids.into_iter().filter(|id| !known.contains(id)) {
            assert_eq!(database.execute("UPDATE hold SET seq = 0 WHERE id = ?1", [id]).unwrap(), 1);
        }
        drop(database);
        let place = start(folder);
        assert_eq!(ask_all(&place, pair[1].holds).await, pair[0].gets);
    }
}
