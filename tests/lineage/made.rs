//! Tables, and statements over them made at random: the same for the same seed. What a condition, an order or a group says is not looked at,
//! so none stands on a sensitive column, and neither does the number of rows.
#![allow(clippy::string_slice, reason = "a test says so by failing")]

pub struct Table {
    pub name: &'static str,
    /// With a word for the type: `i`nteger or `t`ext; one in upper case is sensitive.
    pub columns: &'static [(&'static str, char)],
}

pub const TABLES: &[Table] = &[
    Table { name: "people", columns: &[("id", 'i'), ("name", 'T'), ("email", 'T'), ("born", 'I'), ("city", 't'), ("age", 'i')] },
    Table { name: "notes", columns: &[("id", 'i'), ("person", 'i'), ("body", 'T'), ("kind", 't')] },
    Table { name: "plain", columns: &[("id", 'i'), ("label", 't'), ("n", 'i')] },
];

pub const VIEWS: &[(&str, &str)] = &[
    ("v_plain", "select id, city, email as mail from people"),
    ("v_made", "select id, upper(name) as u, length(email) as l, city from people"),
    ("v_of_view", "select v.id, v.mail || n.kind as mk, n.kind from v_plain v join notes n on n.person = v.id"),
    ("v_union", "select id, city as x from people union all select id, body from notes"),
    ("v_row", "select p.id, to_jsonb(p) as j, count(*) over () as c from people p"),
];

pub fn is_sensitive(table: &str, column: &str) -> bool {
    let table = TABLES.iter().find(|known| known.name == table);
    table.is_some_and(|table| table.columns.iter().any(|(name, kind)| *name == column && kind.is_uppercase()))
}

/// The tables of a side. `salt` is in every sensitive value, and makes each of another length as well.
pub fn setup(side: &str, salt: &str) -> String {
    let mut sql = format!("create schema {side}; set search_path = {side};");
    for table in TABLES {
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|(name, kind)| format!("{name} {}", if kind.eq_ignore_ascii_case(&'i') { "int" } else { "text" }))
            .collect();
        let values: Vec<_> = table
            .columns
            .iter()
            .map(|(name, kind)| match kind {
                'T' => format!("'{salt}{name}' || g * {} || '@{salt}.x'", 7 + salt.len()),
                'I' => format!("1000 * {} + g", salt.len()),
                't' => format!("'{name}' || g % 2"),
                _ => "g".to_owned(),
            })
            .collect();
        sql += &format!("create table {} ({});", table.name, columns.join(", "));
        sql += &format!("insert into {} select {} from generate_series(1, 3) g;", table.name, values.join(", "));
    }
    for (name, definition) in VIEWS {
        sql += &format!("create view {name} as {definition};");
    }
    sql
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Int,
    Text,
    Json,
}

type Columns = Vec<(String, Type)>;

#[derive(Debug, Clone)]
struct Item {
    alias: String,
    columns: Columns,
    /// Its name stands for a whole row.
    is_row: bool,
}

pub struct Maker {
    state: u64,
    names: u32,
    with: Vec<Item>,
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03, names: 0, with: Vec::new() }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % bound
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn name(&mut self, hint: &str) -> String {
        self.names += 1;
        format!("{hint}{}", self.names)
    }

    pub fn query(&mut self) -> String {
        self.select(3, &[]).0
    }

    /// A write, and the relation that is written.
    pub fn write(&mut self) -> (String, String) {
        let table = self.one(TABLES);
        let columns = table.columns;
        let target = table.name.to_owned();
        let scope = [Item { alias: target.clone(), columns: typed(columns), is_row: true }];
        let returning = match self.below(4) {
            0 => " returning *".to_owned(),
            1 => format!(" returning {}", self.text(1, &scope)),
            _ => String::new(),
        };
        match self.below(7) {
            0 | 1 => {
                let (query, made) = self.select(2, &[]);
                let picked: Vec<_> = columns.iter().map(|(_, kind)| self.pick(&made, kind.eq_ignore_ascii_case(&'i'))).collect();
                let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                let list = if self.below(2) == 0 { String::new() } else { format!(" ({})", names.join(", ")) };
                (format!("insert into {target}{list} select {} from ({query}) src{returning}", picked.join(", ")), target)
            }
            2 | 3 => {
                let (name, kind) = columns[1 + self.below(columns.len() - 1)];
                let value = if kind.eq_ignore_ascii_case(&'i') { self.int(2, &scope) } else { self.text(2, &scope) };
                (format!("update {target} set {name} = {value} where {target}.id < 3{returning}"), target)
            }
            4 => {
                let other = self.one(TABLES);
                let alias = self.name("s");
                let mut both = scope.to_vec();
                both.push(Item { alias: alias.clone(), columns: typed(other.columns), is_row: true });
                let texts: Vec<_> = columns.iter().filter(|(_, kind)| kind.eq_ignore_ascii_case(&'t')).collect();
                let name = self.one(&texts).0;
                let value = self.text(2, &both);
                (
                    format!("update {target} set {name} = {value} from {} {alias} where {alias}.id = {target}.id{returning}", other.name),
                    target,
                )
            }
            5 => {
                let (query, _) = self.select(2, &[]);
                let made = self.name("made");
                (format!("create table {made} as {query}"), made)
            }
            _ => {
                let name = self.name("v");
                let value = self.text(2, &[Item { alias: "s".into(), columns: typed(TABLES[0].columns), is_row: true }]);
                let texts: Vec<_> = columns.iter().filter(|(_, kind)| kind.eq_ignore_ascii_case(&'t')).collect();
                let column = self.one(&texts).0;
                let sql = format!(
                    "merge into {target} using (select s.id, {value} as {name} from people s) src on src.id = {target}.id \
                     when matched then update set {column} = src.{name}"
                );
                (sql, target)
            }
        }
    }

    /// A column of a query in the type that is wanted.
    fn pick(&mut self, columns: &Columns, integer: bool) -> String {
        let (name, kind) = self.one(columns).clone();
        match (integer, kind) {
            (true, Type::Int) => format!("src.{name}"),
            (true, _) => format!("length(src.{name}::text)"),
            (false, _) => format!("src.{name}::text"),
        }
    }

    fn select(&mut self, depth: usize, outer: &[Item]) -> (String, Columns) {
        let known = self.with.len();
        let mut prefix = String::new();
        if depth > 1 && self.below(4) == 0 {
            let alias = self.name("w");
            let (query, columns) = if self.below(4) == 0 { self.recursive(&alias) } else { self.select(depth - 1, &[]) };
            prefix = format!("with recursive {alias} as ({query}) ");
            self.with.push(Item { alias, columns, is_row: true });
        }
        let (body, columns) = match self.below(8) {
            0 if depth > 1 => self.united(depth, outer),
            1 if depth > 1 => self.grouped(depth, outer),
            _ => self.plain(depth, outer),
        };
        self.with.truncate(known);
        (prefix + &body, columns)
    }

    fn recursive(&mut self, alias: &str) -> (String, Columns) {
        let scope = [Item { alias: "p".into(), columns: typed(TABLES[0].columns), is_row: true }];
        let start = self.text(1, &scope);
        let (n, s) = (self.name("n"), self.name("s"));
        let sql = format!(
            "select 1 as {n}, {start} as {s} from people p union all select {n} + 1, left({s}, 5) || {n} from {alias} where {n} < 3"
        );
        (sql, vec![(n, Type::Int), (s, Type::Text)])
    }

    fn united(&mut self, depth: usize, outer: &[Item]) -> (String, Columns) {
        let width = 1 + self.below(3);
        let mut arms = Vec::new();
        let mut columns = Vec::new();
        for arm in 0..2 + self.below(2) {
            let (from, scope) = self.from(depth - 1, outer);
            let targets: Vec<_> = (0..width)
                .map(|_| {
                    let value = self.text(depth - 1, &with_outer(&scope, outer));
                    let name = self.name("u");
                    if arm == 0 {
                        columns.push((name.clone(), Type::Text));
                    }
                    format!("{value} as {name}")
                })
                .collect();
            arms.push(format!("select {} from {from}", targets.join(", ")));
        }
        (arms.join(" union all "), columns)
    }

    fn grouped(&mut self, depth: usize, outer: &[Item]) -> (String, Columns) {
        let (from, scope) = self.from(depth - 1, outer);
        let item = self.one(&scope).clone();
        let key = format!("{}.{}", item.alias, self.one(&item.columns).0);
        // Groups by what is not sensitive: those of a number that everything has.
        let (mut targets, mut columns) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.below(3) {
            let inner = self.text(depth - 1, &scope);
            let (value, kind) = match self.below(9) {
                0 => (format!("string_agg({inner}, ',' order by {inner})"), Type::Text),
                1 => (format!("array_to_string(array_agg({inner} order by {inner}), '/')"), Type::Text),
                2 => (format!("max({inner})"), Type::Text),
                3 => (format!("count({inner})::int"), Type::Int),
                4 => (format!("sum({})::int", self.int(1, &scope)), Type::Int),
                5 => (format!("jsonb_agg({inner} order by {inner})"), Type::Json),
                6 => (format!("mode() within group (order by {inner})"), Type::Text),
                7 => (format!("count(*) filter (where {key} is not null)::int"), Type::Int),
                _ => (format!("coalesce(min({inner}), 'none')"), Type::Text),
            };
            let name = self.name("g");
            targets.push(format!("{value} as {name}"));
            columns.push((name, kind));
        }
        (format!("select {} from {from}", targets.join(", ")), columns)
    }

    fn plain(&mut self, depth: usize, outer: &[Item]) -> (String, Columns) {
        let (from, scope) = self.from(depth, outer);
        let all = with_outer(&scope, outer);
        let (mut targets, mut columns) = (Vec::new(), Vec::new());
        if self.below(6) == 0 {
            // The names of a star must not meet: it stands alone, over one item.
            let item = self.one(&scope).clone();
            targets.push(format!("{}.*", item.alias));
            columns.extend(item.columns);
        }
        for _ in 0..1 + self.below(3) {
            let (value, kind) = match self.below(6) {
                0 => (self.int(depth, &all), Type::Int),
                1 => (self.json(depth, &all), Type::Json),
                2 => self.column(&all),
                _ => (self.text(depth, &all), Type::Text),
            };
            // Some go by the name that the server gives.
            let named =
                value.rfind('(').filter(|at| *at > 0 && value.ends_with(')') && value[..*at].bytes().all(|byte| byte.is_ascii_lowercase()));
            match named.filter(|_| self.below(3) == 0) {
                Some(at)
                    if !columns.iter().any(|(name, _): &(String, Type)| *name == value[..at])
                        && !matches!(&value[..at], "coalesce" | "left" | "right") =>
                {
                    columns.push((value[..at].to_owned(), kind));
                    targets.push(value);
                }
                _ => {
                    let name = self.name("c");
                    targets.push(format!("{value} as {name}"));
                    columns.push((name, kind));
                }
            }
        }
        (format!("select {} from {from}", targets.join(", ")), columns)
    }

    fn from(&mut self, depth: usize, outer: &[Item]) -> (String, Vec<Item>) {
        let (mut text, first) = self.item(depth, &[], outer);
        let mut scope = vec![first];
        for _ in 0..self.below(3).min(depth) {
            let (next, item) = self.item(depth, &scope, outer);
            text = match self.below(3) {
                0 => format!("{text} cross join {next}"),
                1 => format!("{text} left join {next} on true"),
                _ => format!("{text}, {next}"),
            };
            scope.push(item);
        }
        (text, scope)
    }

    fn item(&mut self, depth: usize, before: &[Item], outer: &[Item]) -> (String, Item) {
        let alias = self.name("t");
        let beside = with_outer(before, outer);
        match self.below(10) {
            0 | 1 if depth > 0 => {
                let lateral = !before.is_empty() && self.below(2) == 0;
                let (query, columns) = self.select(depth - 1, if lateral { before } else { &[] });
                let lateral = if lateral { "lateral " } else { "" };
                if self.below(3) == 0 {
                    let renamed: Columns = columns.iter().map(|(_, kind)| (self.name("r"), *kind)).collect();
                    let names: Vec<_> = renamed.iter().map(|(name, _)| name.as_str()).collect();
                    return (
                        format!("{lateral}({query}) as {alias} ({})", names.join(", ")),
                        Item { alias, columns: renamed, is_row: true },
                    );
                }
                (format!("{lateral}({query}) {alias}"), Item { alias, columns, is_row: true })
            }
            2 if !before.is_empty() => {
                let value = self.text(1, &beside);
                // As many rows for one value as for another.
                let (call, kind) = match self.below(4) {
                    0 => (format!("regexp_split_to_table(replace({value}, '@', '') || '@x', '@')"), Type::Text),
                    1 => (format!("unnest(array[left({value}, 3), {value}])"), Type::Text),
                    2 => (format!("jsonb_array_elements_text(jsonb_build_array({value}))"), Type::Text),
                    _ => (format!("generate_series(length({value}), length({value}) + 1)"), Type::Int),
                };
                let column = self.name("f");
                (format!("lateral {call} as {alias} ({column})"), Item { alias, columns: vec![(column, kind)], is_row: false })
            }
            3 => {
                let (one, two) = (self.text(1, &beside), self.name("v"));
                let lateral = if beside.is_empty() { "" } else { "lateral " };
                let columns = vec![("k".to_owned(), Type::Int), (two.clone(), Type::Text)];
                (format!("{lateral}(values (1, {one}), (2, 'x')) as {alias} (k, {two})"), Item { alias, columns, is_row: true })
            }
            4 if !self.with.is_empty() => {
                let with = self.with.clone();
                let item = self.one(&with).clone();
                (format!("{} {alias}", item.alias), Item { alias, ..item })
            }
            5 => {
                let (view, columns) = *self.one(&[
                    ("v_plain", &[("id", 'i'), ("city", 't'), ("mail", 't')][..]),
                    ("v_made", &[("id", 'i'), ("u", 't'), ("l", 'i'), ("city", 't')]),
                    ("v_of_view", &[("id", 'i'), ("mk", 't'), ("kind", 't')]),
                    ("v_union", &[("id", 'i'), ("x", 't')]),
                    ("v_row", &[("id", 'i'), ("j", 'j'), ("c", 'i')]),
                ]);
                (format!("{view} {alias}"), Item { alias, columns: typed(columns), is_row: true })
            }
            6 => {
                let (one, two) = (self.name("a"), self.name("b"));
                let text = format!("(people {one} join notes {two} using (id)) as {alias}");
                let columns =
                    typed(&[("id", 'i'), ("name", 't'), ("email", 't'), ("city", 't'), ("person", 'i'), ("body", 't'), ("kind", 't')]);
                (text, Item { alias, columns, is_row: true })
            }
            _ => {
                let table = self.one(TABLES);
                (format!("{} {alias}", table.name), Item { alias, columns: typed(table.columns), is_row: true })
            }
        }
    }

    fn column(&mut self, scope: &[Item]) -> (String, Type) {
        if scope.is_empty() {
            return ("'k'::text".to_owned(), Type::Text);
        }
        let item = self.one(scope).clone();
        let (name, kind) = self.one(&item.columns).clone();
        (format!("{}.{name}", item.alias), kind)
    }

    fn text(&mut self, depth: usize, scope: &[Item]) -> String {
        if depth == 0 || self.below(4) == 0 {
            let (column, kind) = self.column(scope);
            return if kind == Type::Text { column } else { format!("{column}::text") };
        }
        let inner = |maker: &mut Self| maker.text(depth - 1, scope);
        match self.below(22) {
            0 => format!("upper({})", inner(self)),
            1 => format!("reverse({})", inner(self)),
            2 => format!("substr({}, {})", inner(self), self.int(depth - 1, scope)),
            3 => format!("{} || {}", inner(self), inner(self)),
            4 => format!("md5({})", inner(self)),
            5 => format!("encode(convert_to({}, 'UTF8'), 'hex')", inner(self)),
            6 => format!("coalesce({}, 'x')", inner(self)),
            7 => format!("case when {} > 1 then {} else 'no' end", self.constant(), inner(self)),
            8 => format!("format('%s-%s', {}, {})", inner(self), inner(self)),
            9 => format!("(array[{}, 'z'])[1]", inner(self)),
            10 => format!("({} > 'm')::text", inner(self)),
            11 => format!("split_part({}, '@', 1)", inner(self)),
            12 => format!("translate({}, 'abc', 'xyz')", inner(self)),
            13 => format!("greatest({}, {})", inner(self), inner(self)),
            14 => format!("nullif({}, '')", inner(self)),
            15 if scope.iter().any(|item| item.is_row) => {
                let rows: Vec<_> = scope.iter().filter(|item| item.is_row).cloned().collect();
                let row = self.one(&rows).alias.clone();
                match self.below(3) {
                    0 => format!("{row}::text"),
                    1 => format!("(to_jsonb({row}) - 'nothing')::text"),
                    _ => format!("row({row}.*)::text"),
                }
            }
            16 => format!("{}::text", self.int(depth - 1, scope)),
            17 => format!("{}::text", self.json(depth - 1, scope)),
            18 if depth > 1 => {
                let (query, columns) = self.select(depth - 2, scope);
                let name = columns[0].0.clone();
                format!("(select max(q.{name}::text) from ({query}) q)")
            }
            19 if depth > 1 => {
                let (query, columns) = self.select(depth - 2, scope);
                let name = columns[0].0.clone();
                format!("array_to_string(array(select q.{name} from ({query}) q order by 1), ',')")
            }
            20 => format!("lag({}) over (order by {})", self.column_text(scope), self.constant()).replace("lag", "max"),
            21 => {
                // Of all rows, whatever their order: that hangs on the plan.
                let column = self.column_text(scope);
                format!("min({column}) over () || max({column}) over ()")
            }
            _ => format!("lpad({}, 30, '-')", inner(self)),
        }
    }

    fn column_text(&mut self, scope: &[Item]) -> String {
        format!("{}::text", self.column(scope).0)
    }

    fn constant(&mut self) -> usize {
        self.below(4)
    }

    fn int(&mut self, depth: usize, scope: &[Item]) -> String {
        if depth == 0 || self.below(4) == 0 {
            let numbers: Vec<String> = scope
                .iter()
                .flat_map(|item| {
                    item.columns.iter().filter(|(_, kind)| *kind == Type::Int).map(|(name, _)| format!("{}.{name}", item.alias))
                })
                .collect();
            return if numbers.is_empty() { "1".to_owned() } else { self.one(&numbers).clone() };
        }
        match self.below(9) {
            0 => format!("length({})", self.text(depth - 1, scope)),
            1 => format!("{} + {}", self.int(depth - 1, scope), self.int(depth - 1, scope)),
            2 => format!("ascii({})", self.text(depth - 1, scope)),
            3 => format!("position('@' in {})", self.text(depth - 1, scope)),
            4 => {
                // One answer alone passes, and is counted as a guess; two of the same do not.
                let text = self.text(depth - 1, scope);
                format!("({text} > 'm')::int + 2 * ({text} > 'n')::int")
            }
            5 => format!("abs({})", self.int(depth - 1, scope)),
            6 => format!("coalesce({}, 0)", self.int(depth - 1, scope)),
            7 => format!("num_nulls({})", self.text(depth - 1, scope)),
            _ => format!("octet_length({})", self.text(depth - 1, scope)),
        }
    }

    fn json(&mut self, depth: usize, scope: &[Item]) -> String {
        let inner = self.text(depth.saturating_sub(1), scope);
        match self.below(4) {
            0 => format!("to_jsonb({inner})"),
            1 => format!("jsonb_build_array({inner}, 1)"),
            2 => format!("jsonb_build_object('k', {inner})"),
            _ => format!("to_jsonb(string_to_array({inner}, '@'))"),
        }
    }
}

fn with_outer(scope: &[Item], outer: &[Item]) -> Vec<Item> {
    scope.iter().chain(outer).cloned().collect()
}

fn typed(columns: &[(&str, char)]) -> Columns {
    let kind = |kind: char| match kind.to_ascii_lowercase() {
        'i' => Type::Int,
        'j' => Type::Json,
        _ => Type::Text,
    };
    columns.iter().map(|(name, word)| ((*name).to_owned(), kind(*word))).collect()
}
