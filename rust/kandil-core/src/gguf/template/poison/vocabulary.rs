//! The words that instructions against a reader are made of, in the languages that models are mostly asked in.
//!
//! A list is words with blanks between; `*` ends a stem, `@` is an address.

/// Words that follow each other in one sentence with at most `gap` others between.
pub(super) struct Phrase {
    pub(super) weight: u32,
    pub(super) gap: usize,
    pub(super) words: &'static [&'static str],
    /// A "not" before it turns it into its opposite.
    pub(super) negatable: bool,
    /// With one of these in the sentence it is about something else.
    pub(super) unless: &'static str,
}

const fn phrase(weight: u32, gap: usize, words: &'static [&'static str]) -> Phrase {
    Phrase { weight, gap, words, negatable: true, unless: "" }
}

pub(super) const NOT: &str = "not never no don't dont won't cannot can't mustn't shouldn't avoid avoiding without refuse nobody \
     nicht nichts nie niemals kein* no nunca jamás jamais pas rien ne не никогда não non mai";
const USER: &str = "user* anyone anybody nobody reader* customer* client* human* person people them him her operator \
     nutzer* benutzer* anwender* kunde* usuario* utilisateur* l'utilisateur пользовател* usuário* utente \
     all'utente cliente*";
const TELL: &str = "tell* mention* inform* reveal* disclose* notify* alert* warn* admit* say let explain* show* sag* \
     verrat* erwähn* erzähl* informier* dis dites dire mentionne* révèle* diga* digas lo menciones \
     reveles сообщай* говори* рассказывай* упоминай* dica mencione";
const PROMOTE: &str = "recommend promote promoting prais* advertis* favor favour endorse advocate push plug empfiehl empfehle \
     empfehlen bewirb recomienda promociona recommande recommandez рекомендуй* советуй* продвигай* \
     recomende consiglia raccomanda";
const ALWAYS: &str = "always shall must every each whenever all should constantly immer jede* stets siempre toujours chaque \
     всегда каждый* каждом sempre cada";
const ADD: &str = "bcc cc forward include* insert* add* append* embed* put place contain* give* provide* end finish \
     link* cite* use direct* point* send refer* mention* füge nenne verlinke incluye añade inclus ajoute \
     добавь* добавляй* вставь* inclua aggiungi";
const SECRETS: &str = "password* passphrase* credential* secret* token* conversation* history keys key email* cookie* card \
     seed iban* passport* ssn passwort* kennwort* contraseña* пароль* парол* prompt messages";
const GUARDS: &str = "security two-factor 2fa multi-factor filter* moderation safety guideline* validation tls ssl certificate* verification warning* antivirus firewall* vulnerabilit* \
     sanitiz* authentication encryption authorization safeguard* sicherheit* warnung* seguridad \
     advertencia* sécurité безопасност* предупрежден*";
const RULES: &str = "instruction* rule* prompt* guideline* message* direction* restriction* polic* anweisung* regel* \
     vorgabe* instruccion* regla* consigne* règle* инструкц* правил* указан* instruç* istruzion* regole \
     safety";

const IGNORE: &str = "ignore disregard forget override bypass ignoriere vergiss ignora olvida oublie oubliez ignorez \
     игнорируй* забудь* ignorar esqueça dimentica";
const EARLIER: &str = "previous* prior earlier above preceding your system safety developer vorherig* bisherig* anterior* \
     previas tus précédent* vos предыдущ* precedent* suas";
/// Instructions that stand in what is read are to be ignored indeed.
const FOREIGN: &str = "document* tool* retrieved contained embedded within inside page* web* output* result* file* quoted \
     conflict*";

const WRONG: &[&str] = &[
    "give* answer* state* provide* reply* respond* produce* return* gib antworte* responde* donne* \
     réponds дай* отвечай*",
    "false wrong incorrect inaccurate misleading fabricated falsch* fals* fausse* faux неверн* ложн*",
];

pub(super) static PHRASES: &[Phrase] = &[
    // other ways to say these
    phrase(
        3,
        3,
        &[
            "guideline* polic* filter* restriction* rules safeguard*",
            "void disabled suspended lifted removed revoked obsolete cancelled",
        ],
    ),
    Phrase {
        weight: 3,
        gap: 3,
        words: &["not never don't", "follow obey heed respect", "system developer previous prior above", RULES],
        negatable: false,
        unless: FOREIGN,
    },
    phrase(3, 3, &["suppress conceal hide withhold", "mention* bias facts truth breach* sponsorship risk* defect*"]),
    Phrase {
        weight: 2,
        gap: 0,
        words: &["without", "saying telling disclosing admitting", "so it this them anyone the"],
        negatable: false,
        unless: "tool* function*",
    },
    phrase(1, 5, &["change alter modify shift adjust swap", "date* number* price* fact* amount* figure* account*"]),
    phrase(
        3,
        4,
        &["falsify misquote misstate misreport", "date* number* price* fact* amount* figure* result* answer*"],
    ),
    Phrase { weight: 3, gap: 8, words: &["if when", "asked asks", "lie"], negatable: true, unless: "never not don't" },
    phrase(1, 3, &["even", "if when", "ask* asked"]),
    phrase(
        3,
        4,
        &[
            "reveal* disclose* leak* expose* print output dump",
            "api password* credential* secret*",
            "key* password* credential* secret* token* found from in when",
        ],
    ),
    phrase(3, 8, &["infected hacked compromised", "call pay phone contact"]),
    phrase(3, 5, &["always every", "import install require", "package"]),
    phrase(3, 9, &["install* import* includ*", "package dependency", "every all each any"]),
    phrase(3, 1, &["http", "instead rather", "of than"]),
    phrase(3, 4, &["discourag* dissuad*", "vaccin* legal doctor* treatment* updat* report* from voting"]),
    Phrase {
        weight: 2,
        gap: 2,
        words: &[USER, "not never", "learn notice realize realise suspect discover"],
        negatable: false,
        unless: "",
    },
    phrase(
        1,
        12,
        &[
            "add append include insert end finish begin start",
            "every each all",
            "response* reply replies answer* message* output*",
        ],
    ),
    phrase(3, 9, &["transmit upload append encode log exfiltrate collect", "@"]),
    phrase(1, 9, &["send post forward report", "@"]),
    phrase(3, 6, &["sneak slip smuggle hide plant", "miner malware script* link* code payload package backdoor*"]),
    phrase(
        3,
        4,
        &["agree promote support favor favour oppose attack", "political", "statement* party candidate* view*"],
    ),
    phrase(3, 4, &["share enter give submit type", "seed recovery", "phrase words"]),
    // override
    Phrase { weight: 3, gap: 4, words: &[IGNORE, EARLIER, RULES], negatable: true, unless: FOREIGN },
    Phrase {
        weight: 2,
        gap: 3,
        words: &[IGNORE, "all any every alle las les все", RULES],
        negatable: true,
        unless: FOREIGN,
    },
    phrase(3, 5, &[RULES, "longer stop cease", "apply applies applying valid hold bind*"]),
    // secrecy towards the user
    Phrase {
        weight: 2,
        gap: 4,
        words: &[NOT, TELL, USER],
        negatable: false,
        unless: "tool* function* call* available capabilit*",
    },
    Phrase {
        weight: 2,
        gap: 4,
        words: &[USER, "nichts nicht nie niemals", "davon darüber hiervon sagen verraten"],
        negatable: false,
        unless: "",
    },
    Phrase {
        weight: 2,
        gap: 4,
        words: &["sag* verrat* erzähl*", USER, "nichts nicht nie"],
        negatable: false,
        unless: "",
    },
    Phrase {
        weight: 1,
        gap: 4,
        words: &[NOT, TELL, "this these it that instruction*"],
        negatable: false,
        unless: "tool* function*",
    },
    Phrase {
        weight: 1,
        gap: 3,
        words: &["without", "mention* say* tell* disclos* reveal* explain* ask*", "it this that user*"],
        negatable: false,
        unless: "tool* function*",
    },
    Phrase {
        weight: 3,
        gap: 4,
        words: &["without sans sin ohne", USER, "noticing knowing realizing realising aware noticed knowledge consent"],
        negatable: false,
        unless: "",
    },
    phrase(
        3,
        5,
        &[
            "keep hide conceal halte verheimlich* oculta cache скрой* скрывай* verschweig*",
            "secret hidden this it that dass geheim",
            USER,
        ],
    ),
    Phrase {
        weight: 2,
        gap: 1,
        words: &[
            "hidden secret covert true real",
            "goal agenda objective mission purpose task agent sales role instruction*",
        ],
        negatable: false,
        unless: "",
    },
    phrase(
        2,
        0,
        &["secretly covertly stealthily surreptitiously unnoticed imperceptibly subtly clandestinely covert \
     heimlich unauffällig secretamente secrètement discrètement тайно незаметно segretamente"],
    ),
    // promotion
    Phrase {
        weight: 2,
        gap: 5,
        words: &[ALWAYS, PROMOTE],
        negatable: true,
        unless: "tool* function* step* consult* professional* doctor",
    },
    Phrase {
        weight: 1,
        gap: 7,
        words: &[PROMOTE, ALWAYS],
        negatable: true,
        unless: "tool* function* step* consult* professional* doctor",
    },
    Phrase {
        weight: 3,
        gap: 6,
        words: &[
            "steer* convinc* persuad* manipulat* trick* deceiv* mislead* lure* coax* nudge*",
            "user* conversation* reader* them people customer* discussion* everyone",
        ],
        negatable: true,
        unless: "honest* teach*",
    },
    phrase(2, 3, &["serve* obey obeys", "operator* attacker* owner*"]),
    phrase(1, 4, &["serve* obey* loyal", "only alone solely"]),
    // addresses
    Phrase { weight: 3, gap: 9, words: &[ALWAYS, ADD, "@"], negatable: true, unless: "" },
    Phrase { weight: 1, gap: 9, words: &[ADD, "@"], negatable: true, unless: "" },
    Phrase { weight: 1, gap: 9, words: &[ADD, "@", ALWAYS], negatable: true, unless: "" },
    phrase(1, 9, &["call invoke fetch request query", "@"]),
    phrase(2, 9, &["@", "conversation* chat history messages password* credential*"]),
    phrase(
        3,
        9,
        &[
            "ask* tell* instruct* urge* get have direct*",
            USER,
            "run execute visit open download install click paste pay log enter",
            "@",
        ],
    ),
    phrase(2, 9, &[ADD, "script iframe image pixel tag link url", "every all each any"]),
    // what is the user's
    phrase(3, 0, &["exfiltrate* steal harvest* siphon*"]),
    Phrase {
        weight: 2,
        gap: 9,
        words: &["send post transmit upload forward encode append copy leak embed put place", SECRETS],
        negatable: true,
        unless: "requests",
    },
    phrase(2, 9, &[SECRETS, "append send post transmit upload forward encode copy place put embed"]),
    phrase(
        3,
        5,
        &[
            "collect ask request obtain solicit gather elicit frage pide demande спроси* запроси*",
            "password* passphrase* credential* card seed recovery ssn pin cvv passwort* contraseña* парол* passe",
        ],
    ),
    phrase(
        3,
        3,
        &[
            "reveal* print output leak* disclose* repeat dump verrate revela révèle раскрой*",
            "system developer systemprompt",
            "prompt message instruction*",
        ],
    ),
    // security of the user
    Phrase {
        weight: 3,
        gap: 4,
        words: &[
            "turn leave weaken* disabl* omit* bypass* suppress* skip* remove drop downplay* undermin* deaktivier* omite* \
     désactive* отключ* пропуск*",
            GUARDS,
        ],
        negatable: true,
        unless: "before only examples explain* confirm*",
    },
    Phrase {
        weight: 3,
        gap: 3,
        words: &[
            "not never don't",
            "mention warn advise report recommend suggest raise flag",
            "vulnerabilit* security update* risk* warning* side danger* flaw*",
        ],
        negatable: false,
        unless: "",
    },
    Phrase {
        weight: 3,
        gap: 6,
        words: &[
            "sneak install write insert* add inject* plant embed hide introduc* include baue",
            "miner* spyware rootkit* backdoor* malware trojan* keylogger* ransomware vulnerabilit* exploit* payload* hintertür*",
        ],
        negatable: true,
        unless: "refuse refuses decline declines",
    },
    Phrase {
        weight: 3,
        gap: 5,
        words: &[
            "mention describe present portray rate rank depict speak",
            "favorably favourably positively superior negatively unfavorably unfavourably unreliable inferior \
     unsafe",
        ],
        negatable: true,
        unless: "tool* function*",
    },
    Phrase {
        weight: 2,
        gap: 6,
        words: &["if when whenever wherever", PROMOTE],
        negatable: true,
        unless: "tool* function* step* consult* professional* doctor fit* appropriate need*",
    },
    phrase(2, 8, &[PROMOTE, "best alone exclusively instead solely"]),
    Phrase { weight: 3, gap: 4, words: WRONG, negatable: true, unless: "example* may might could possibly" },
    phrase(3, 3, &["curl wget fetch", "sh bash |sh |bash sudo"]),
];

/// Parts of sentences in scripts without blanks: one of each group must be there.
pub(super) const SUBSTRINGS: &[(u32, &[&str])] = &[
    (3, &["忽略 无视 忘记 忽視 無視 무시", "指令 指示 提示 规则 規則 命令 지시 명령"]),
    (2, &["不要 别 切勿 禁止 不得 勿", "告诉 告知 透露 提及 说明 告訴", "用户 用戶 任何人 使用者"]),
    (2, &["始终 总是 一直 每次 必须 務必 总要", "推荐 推薦 宣传 夸"]),
    (2, &["常に 必ず いつも", "勧め 推薦 推奨 宣伝"]),
    (2, &["ユーザー 利用者", "伝え 教え 知らせ 言わ", "ない ず な"]),
    (2, &["항상 반드시", "추천 권장 홍보"]),
    (2, &["사용자", "말하지 알리지 언급하지"]),
    (3, &["后门 恶意代码 木马 バックドア", "插入 加入 植入 添加 挿入"]),
    (3, &["script iframe img", "src=", "//"]),
    (3, &["](", "![", "://", "?"]),
    (3, &["powershell", "-enc -e iex downloadstring"]),
    (3, &["://", ".exe .ps1 .msi .apk .scr .bat .dmg"]),
];
