//! How each language writes its comments, texts and words.

/// How a text is quoted.
pub(super) struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether a backslash takes the next character along.
    pub escapes: bool,
    /// Whether it may go on over lines.
    pub lines: bool,
}

const fn quote(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, escapes: true, lines: false }
}

const fn lines(open: &'static str, close: &'static str, escapes: bool) -> Quote {
    Quote { open, close, escapes, lines: true }
}

/// The sort of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Statements: a word before a parenthesis is a function.
    Code,
    /// Data: a word before this sign is a key.
    Keys(char),
    /// Tags.
    Markup,
    /// Commands with options.
    Shell,
}

pub(super) struct Language {
    /// Names after a fence.
    names: &'static [&'static str],
    pub style: Style,
    pub comments: &'static [&'static str],
    pub block: Option<(&'static str, &'static str)>,
    pub strings: &'static [Quote],
    /// Separated by spaces.
    pub keywords: &'static str,
    pub types: &'static str,
    /// Whether a word with a capital is a type.
    pub capitals: bool,
    pub any_case: bool,
    /// Whether `'a` may be a lifetime and `'x'` a character.
    pub lifetimes: bool,
}

const PLAIN: Language = Language {
    names: &[],
    style: Style::Code,
    comments: &[],
    block: None,
    strings: &[quote("\"")],
    keywords: "",
    types: "",
    capitals: false,
    any_case: false,
    lifetimes: false,
};

const SCRIPT: &str = "abstract as async await break case catch class const continue debugger declare default delete do \
            else enum export extends false finally for from function get if implements import in infer \
            instanceof interface is keyof let namespace new null of private protected public readonly return \
            satisfies set static super switch this throw true try type typeof undefined var void while with \
            yield";

const LANGUAGES: &[Language] = &[
    Language {
        names: &["rust", "rs"],
        comments: &["//"],
        block: Some(("/*", "*/")),
        strings: &[
            lines("r#\"", "\"#", false),
            lines("r\"", "\"", false),
            lines("b\"", "\"", true),
            lines("\"", "\"", true),
        ],
        keywords: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop \
            match mod move mut pub ref return self static struct super trait true type union unsafe use where \
            while yield",
        types: "bool char f32 f64 i128 i16 i32 i64 i8 isize str u128 u16 u32 u64 u8 usize",
        capitals: true,
        lifetimes: true,
        ..PLAIN
    },
    Language {
        names: &["typescript", "ts", "tsx", "javascript", "js", "jsx", "mjs", "cjs", "node"],
        comments: &["//"],
        block: Some(("/*", "*/")),
        strings: &[quote("\""), quote("'"), lines("`", "`", true)],
        keywords: SCRIPT,
        types: "any bigint boolean never number object string symbol unknown",
        capitals: true,
        ..PLAIN
    },
    Language {
        names: &["python", "py", "python3", "pycon"],
        comments: &["#"],
        strings: &[lines("\"\"\"", "\"\"\"", true), lines("'''", "'''", true), quote("\""), quote("'")],
        keywords: "False None True and as assert async await break case class continue def del elif else except finally \
            for from global if import in is lambda match nonlocal not or pass raise return self try while with \
            yield",
        types: "bool bytes dict float int list object set str tuple",
        capitals: true,
        ..PLAIN
    },
    Language {
        names: &["sql", "postgres", "postgresql", "psql", "plpgsql", "pgsql", "mysql", "sqlite"],
        comments: &["--"],
        block: Some(("/*", "*/")),
        strings: &[
            Quote { open: "'", close: "'", escapes: false, lines: true },
            Quote { open: "\"", close: "\"", escapes: false, lines: false },
        ],
        keywords: "add all alter analyze and any as asc begin between by cascade case check column commit concurrently \
            conflict constraint copy create cross cube database declare default delete desc distinct do drop \
            each else end except execute exists explain extension false fetch filter following for foreign from \
            full function grant group having if ilike in index inner insert intersect into is join key language \
            lateral left like limit lock loop materialized new not nothing null nulls of offset old on only or \
            order outer over partition perform policy preceding primary procedure raise references replace \
            restrict return returning returns revoke right role rollback row rows savepoint schema select \
            sequence set show skip table temp then to transaction trigger true truncate union unique update \
            using vacuum values view when where while window with within",
        types: "bigint boolean bytea char date decimal double float int integer interval json jsonb numeric oid \
            precision real regclass serial smallint text time timestamp timestamptz tsquery tsvector uuid \
            varchar vector",
        any_case: true,
        ..PLAIN
    },
    Language {
        names: &[
            "shell",
            "sh",
            "bash",
            "zsh",
            "fish",
            "console",
            "shell-session",
            "dockerfile",
            "docker",
            "make",
            "makefile",
        ],
        style: Style::Shell,
        comments: &["#"],
        strings: &[lines("\"", "\"", true), lines("'", "'", false)],
        keywords: "case do done elif else esac exit export fi for function if in local return set shift source then \
            trap until while FROM RUN COPY WORKDIR CMD ENTRYPOINT ENV ARG",
        types: "awk cargo cat cd chmod cp curl docker echo find git grep kill kubectl ls make mkdir mv npm pip \
            printf psql python python3 rm rsync sed sort ssh sudo systemctl tail tar tee test touch uniq wc \
            xargs",
        ..PLAIN
    },
    Language {
        names: &["json", "jsonc", "json5"],
        style: Style::Keys(':'),
        comments: &["//"],
        keywords: "false null true",
        ..PLAIN
    },
    Language {
        names: &["yaml", "yml"],
        style: Style::Keys(':'),
        comments: &["#"],
        strings: &[lines("\"", "\"", true), Quote { open: "'", close: "'", escapes: false, lines: true }],
        keywords: "false no null off on true yes",
        ..PLAIN
    },
    Language {
        names: &["toml", "ini", "cfg", "conf", "properties"],
        style: Style::Keys('='),
        comments: &["#", ";"],
        strings: &[lines("\"\"\"", "\"\"\"", true), lines("'''", "'''", false), quote("\""), quote("'")],
        keywords: "false true",
        ..PLAIN
    },
    Language {
        names: &["go", "golang"],
        comments: &["//"],
        block: Some(("/*", "*/")),
        strings: &[quote("\""), lines("`", "`", false)],
        keywords: "break case chan const continue default defer else fallthrough false for func go goto if import \
            interface iota map nil package range return select struct switch true type var",
        types: "any bool byte complex128 error float32 float64 int int32 int64 int8 rune string uint uint32 uint64 \
            uint8 uintptr",
        capitals: true,
        lifetimes: true,
        ..PLAIN
    },
    Language {
        names: &["c", "cpp", "c++", "h", "hpp", "java", "kotlin", "swift", "csharp", "cs"],
        comments: &["//"],
        block: Some(("/*", "*/")),
        strings: &[quote("\""), quote("'")],
        keywords: "auto break case catch class const continue default do else enum extends extern false final for fun \
            func goto guard if implements import interface let namespace new null nullptr override package \
            private protected public return sizeof static struct switch template this throw true try typedef \
            typename union using val var virtual void volatile when while",
        types: "bool boolean byte char double float int long short signed size_t unsigned",
        capitals: true,
        ..PLAIN
    },
    Language {
        names: &["html", "xml", "svg", "vue", "htm"],
        style: Style::Markup,
        block: Some(("<!--", "-->")),
        strings: &[],
        ..PLAIN
    },
    Language {
        names: &["css", "scss", "less"],
        style: Style::Keys(':'),
        comments: &["//"],
        block: Some(("/*", "*/")),
        strings: &[quote("\""), quote("'")],
        keywords: "auto flex grid important inherit initial none unset",
        ..PLAIN
    },
];

/// The language of a name after a fence, or of a file's ending.
pub(super) fn named(name: &str) -> Option<&'static Language> {
    let name = name.split([',', ' ', '{']).next().unwrap_or("").trim_start_matches('.').to_ascii_lowercase();
    LANGUAGES.iter().find(|language| language.names.contains(&name.as_str()))
}
