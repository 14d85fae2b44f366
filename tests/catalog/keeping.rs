//! Snapshots: shared, made anew when something changed, void with their connection.

use std::time::Duration;

use pgsluice::gate::judge::Knowledge;
use pgsluice::sql::effect::Effect;

use crate::cases::{database, runtime};
use crate::stage::Stage;
use crate::support::{Cluster, sql};

fn generation(stage: &Stage) -> u64 {
    if let Knowledge::Known(catalog) = &stage.judge.knowledge { catalog.generation } else { 0 }
}

#[test]
fn what_was_learned_is_not_asked_for_again() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_once");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    runtime().block_on(async {
        for id in 0..50 {
            assert_eq!(stage.judge(&format!("select name from customers where id = {id}"), "app").await.word, "allow");
            assert_eq!(stage.judge(&format!("select * from customers where id < {id}"), "app").await.word, "allow");
            assert_eq!(stage.judge(&format!("delete from child where id = {id}"), "app").await.word, "hold");
        }
        // The catalog and the first estimate at once, and one for the second shape.
        assert!(stage.asked <= 3, "asked {} times", stage.asked);
    });
}

#[test]
fn the_values_at_hand_count() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_values");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    runtime().block_on(async {
        let sql = "select * from customers order by id limit $1";
        assert_eq!(stage.judge_bound(sql, &[Some("5000")], "app").await.word, "hold");
        assert_eq!(stage.judge_bound(sql, &[Some("20")], "app").await.word, "allow");
        assert_eq!(stage.judge("select * from customers where id < 4000", "app").await.word, "hold");
        assert_eq!(stage.judge("select * from customers where id < 400", "app").await.word, "allow");
    });
}

#[test]
fn after_a_change_the_catalog_is_another() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_changed");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    runtime().block_on(async {
        assert_eq!(stage.judge("insert into keyed values ('x')", "app").await.word, "allow");
        let before = generation(&stage);
        stage.changed();
        assert_eq!(stage.judge("insert into keyed values ('x')", "app").await.word, "allow");
        assert_eq!(generation(&stage), before, "nothing changed after all");
        database.sql(
            "ALTER TABLE app.keyed OWNER TO shop_agent;
             CREATE TRIGGER t BEFORE INSERT ON app.keyed FOR EACH ROW EXECUTE FUNCTION app.on_write()",
        );
        stage.changed();
        let judged = stage.judge("insert into keyed values ('x')", "app").await;
        assert_eq!((judged.word, judged.grounds.effects.has(Effect::Code)), ("hold", true));
        assert_ne!(generation(&stage), before);
    });
}

#[test]
fn a_name_that_is_missing_has_the_catalog_loaded_anew() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_missing");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    runtime().block_on(async {
        assert_eq!(stage.judge("select * from few", "app").await.word, "allow");
        database.sql("CREATE VIEW app.late AS SELECT admin.purge() AS n");
        // Soon after the last loading, by as much as that took, there is none for a missing name.
        let held = async {
            while stage.judge("select * from late", "app").await.word != "hold" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(60), held).await.is_ok(), "the view is not found");
    });
}

#[test]
fn a_database_made_anew_is_not_taken_for_the_old_one() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_anew");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    runtime().block_on(async {
        assert_eq!(stage.judge("select v from few", "app").await.word, "allow");
        let before = generation(&stage);
        let name = database.name.clone();
        sql(&cluster.url("postgres"), &format!("DROP DATABASE {name} WITH (FORCE); CREATE DATABASE {name}"));
        database.sql("CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO shop_agent; CREATE FUNCTION app.f() RETURNS text LANGUAGE plpgsql AS 'begin return 1; end';
             CREATE VIEW app.few AS SELECT app.f() AS v");
        // The keeper hears that its connection is gone.
        while generation(&stage) != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            stage.refresh();
        }
        assert_eq!(stage.judge("select v from few", "app").await.word, "hold");
        assert_ne!(generation(&stage), before);
    });
}

#[test]
fn without_a_catalog_everything_is_held_and_says_why() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_none");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "wrong");
    runtime().block_on(async {
        let judged = stage.judge("select 1", "app").await;
        assert_eq!((judged.word, judged.grounds.effects.has(Effect::Opaque)), ("hold", true));
        assert!(judged.grounds.resolved.findings[0].contains("catalog"), "{:?}", judged.grounds.resolved.findings);
    });
}

/// Ten thousand tables with two thousand views over them: how long it takes, and what it weighs.
#[test]
#[ignore = "takes a minute to make"]
fn a_large_database_is_loaded() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_large");
    database.sql(
        "DO $$ BEGIN FOR i IN 1..10000 LOOP
           EXECUTE format('CREATE TABLE app.some_table_name_%s(id serial PRIMARY KEY, name text NOT NULL, ref int)', i);
           IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$;
         DO $$ BEGIN FOR i IN 1..2000 LOOP
           EXECUTE format('CREATE VIEW app.some_view_%s AS SELECT a.id, upper(a.name) AS n, count(*) FROM app.some_table_name_%s a
             JOIN app.some_table_name_%s b ON a.id = b.ref GROUP BY 1, 2', i, i, i + 1);
           EXECUTE format('ALTER TABLE app.some_table_name_%s ADD FOREIGN KEY (ref) REFERENCES app.some_table_name_%s ON DELETE CASCADE', i, i + 1);
           IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$",
    );
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    runtime().block_on(async {
        let begun = std::time::Instant::now();
        assert_eq!(stage.judge("select * from few", "app").await.word, "allow");
        let Knowledge::Known(catalog) = &stage.judge.knowledge else { panic!("no catalog") };
        println!("{} relations: {} bytes, loaded and judged in {:?}", catalog.relation_count(), catalog.bytes(), begun.elapsed());
        assert!(catalog.bytes() < 100 * catalog.relation_count(), "{} bytes", catalog.bytes());
    });
}
