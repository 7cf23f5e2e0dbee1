//! Text that acts where it is pasted, as patterns.
//!
//! The patterns run in time linear in the text, whatever it is. Each wants enough around its words that prose about them
//! does not match: `eval(` alone is in many a model card, `eval("` with what follows is not.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::super::super::printable::printable;
use super::{META_TXT, Report};

/// What is looked for, and its pattern; case is ignored, `\w`, `\s` and `\b` are ASCII.
const PATTERNS: &[(&str, &str)] = &[
    // a shell
    (
        SHELL,
        r#"\b(?:curl|wget|fetch|iwr|irm|invoke-\w+|echo|printf|base64|openssl|xxd|cat)\b[^\n|]*(?:\|[^\n|]*)?\|\s*(?:sudo\s+)?(?:/\w+)*/?(?:iex|(?:ba|z|da|k|fi)?sh|python[\d.]*|perl|ruby|node|php)(?:\s+-\S*)*\s*(?:\z|[\n;&)'"`])"#,
    ),
    (SHELL, r"\b(?:ba|z|da|k)?sh\s+(?:-[a-z]+\s+)*-[a-z]*[ci][a-z]*(?:\s|$)"),
    (
        SHELL,
        r"\b(?:powershell|pwsh)(?:\.exe)?\s+(?:[/-]\w+\s+)*[/-](?:e|enc|encodedcommand|c|command|w|windowstyle|ep|exec|executionpolicy|nop|noprofile)\b",
    ),
    (
        SHELL,
        r"\b(?:cmd(?:\.exe)?\s*/[ck]\s|certutil(?:\.exe)?\s+-urlcache|mshta(?:\.exe)?\s+\S|rundll32(?:\.exe)?\s+\S|regsvr32(?:\.exe)?\s+/|bitsadmin\s+/)",
    ),
    (SHELL, r"\b(?:iex|invoke-expression)\s*[(\s]+\s*\(?\s*(?:new-object|iwr|irm|invoke-|\[)"),
    (SHELL, r"/dev/(?:tcp|udp)/|\bnc(?:at)?\s+-[a-z]*e\b|\bmkfifo\s+/|\bsocat\s+\S*exec:"),
    (SHELL, r"\brm\s+(?:-\w+\s+)*-\w*r\w*\s+(?:-\w+\s+)*[/~$*]"),
    (
        SHELL,
        r"\$\((?:curl|wget|touch|bash|sh|nc|ncat|python[\d.]*|perl|rm|chmod|cat|sleep|ping|nslookup)\s+[-/~$.\w]|;\s*(?:curl|wget)\s+[-/~$h]|(?:;\s*|&&\s*|\|\|\s*)(?:touch|nc|ncat|rm|dd|mkfs|reboot|shutdown|nslookup)\s+[-/~$.\w]|\$\((?:id|whoami|uname|hostname)\)",
    ),
    (SHELL, r"`\s*(?:curl|wget|touch|rm|bash|sh|nc|chmod)\s+[-/~$h][^`\n]*`"),
    (SHELL, r"\bchmod\s+(?:\+x|[0-7]{3,4})\s+\S+\s*(?:&&|;)"),
    // Python, JavaScript and other languages
    (CODE, r"\b__import__\s*\(|__(?:globals|subclasses|builtins|mro|reduce|reduce_ex|getattribute|bases)__\b"),
    (CODE, r"\bos\s*\.\s*(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?|posix_spawn)\s*\("),
    (
        CODE,
        r"\b(?:subprocess\s*\.\s*(?:run|call|popen|check_call|check_output|getoutput|getstatusoutput)|pty\.spawn|commands\.getoutput|ctypes\.cdll|importlib\.import_module|runpy\.run_\w+|shutil\.rmtree)\s*\(",
    ),
    (
        CODE,
        r#"\b(?:eval|exec)\s*\(\s*(?:compile|base64|codecs|zlib|marshal|open|input|requests|urllib|bytes|bytearray|chr|getattr|globals|locals|atob|string\.fromcharcode|unescape|__|b?['"][^'"\n]*[(;=])"#,
    ),
    (
        CODE,
        r"\b(?:c?pickle|dill|marshal|joblib|cloudpickle|shelve)\s*\.\s*loads?\s*\(\s*(?:base64|bytes|b['\x22]|requests|urllib|zlib|codecs)",
    ),
    (CODE, r"\bimport\s+(?:os|sys|subprocess|socket|pty|ctypes)\s*(?:,\s*\w+\s*)*;"),
    (
        CODE,
        r"\bsocket\s*\.\s*socket\s*\([^\n]*\)\s*;|\brequire\s*\(\s*['\x22](?:node:)?child_process['\x22]|\bruntime\.getruntime\s*\(\s*\)\s*\.\s*exec|\bprocess\.mainmodule\b",
    ),
    (
        CODE,
        r"\{[{%][^}\n]*(?:__\w+__|\bcycler\b|\bjoiner\b|\blipsum\b|\brequest\s*\.|\bconfig\s*[.\[]|\bself\s*[._\[]|\bpopen\b|\|\s*attr\s*\()",
    ),
    // web pages
    (PAGE, r"\b(?:javascript|vbscript|livescript)\s*:\s*[\w.%/!'\x22(]+\s*[(=;]"),
    (
        PAGE,
        r"\bdata:(?:text/(?:html|javascript|xml)|image/svg\+xml|application/(?:x-)?(?:javascript|ecmascript|octet-stream|msdownload|hta|xhtml\+xml|python|sh))\b",
    ),
    (PAGE, r"<\s*/?\s*(?:script|iframe|object|embed|applet|meta|base|form)[\s>/]|<\?php\b|<!entity\s|<!\[cdata\["),
    (PAGE, r"<\s*[a-z][a-z0-9]*\b[^<>]*[\s/'\x22]on[a-z]{3,}\s*=\s*['\x22]?\s*[\w(]"),
    // spreadsheets
    (FORMULA, r"\A[\s'\x22]*=[+\-@]?(?:[a-z_][\w.]*\s*[(|!]|\d+[-+*/]\d|\()"),
    (FORMULA, r"\A[\s'\x22]*[+\-@](?:[a-z_][\w.]*[(|!]|\d+[-+*/]\d+[-+*/(|!])"),
    (
        FORMULA,
        r"(?:\A|[\n,;\t\x22])\s*[=+\-@](?:cmd|mshta|msexcel|powershell|rundll32|dde|hyperlink|importxml|importdata|importhtml|importfeed|importrange|webservice|filterxml|exec|call|register\.id|image)\s*[(|]",
    ),
    // look-ups of loggers, places of files and servers
    (
        LOOKUP,
        r"\$\{[^}\s]*(?:jndi:|::-|\$\{)|\$\{(?:lower|upper|env|sys|java|main|ctx|date|docker|k8s|script|dns|url):|%\{\s*(?:#|\()",
    ),
    (
        PLACE,
        r"(?:\.\.[/\\]|\.\.%2f|%2e%2e[/\\%]){4}|(?:\.\.[/\\]|\.\.%2f)[^\s]*(?:etc[/\\]|proc[/\\]|\.ssh|\.bashrc|\.profile|authorized_keys|cron|system32|startup|passwd|\.aws)",
    ),
    (
        PLACE,
        r"/etc/(?:passwd|shadow|sudoers|crontab|cron\.\w+|ld\.so\.preload)\b|/proc/(?:self|1|\d+)/(?:environ|mem|fd|cmdline|maps|root)|[/~\\]\.(?:ssh|aws|gnupg|kube)[/\\]|\\windows\\system32\\",
    ),
    (
        PLACE,
        r"\b(?:file|gopher|dict|ldaps?|rmi|smb|jar|phar|expect|php|netdoc|view-source|chrome|search-ms|ms-\w+):/{2}|(?:\A\s*\\\\[\w.-]+|[\s\x22\x27(=]\\\\[\w-]+\.[\w.-]+)\\\w|\bhttps?://[^\s/@:]+:[^\s/@]+@|\bhttps?://169\.254\.",
    ),
    // data bases
    (
        SQL,
        r"'\s*(?:\)\s*)?;?\s*(?:drop|delete|insert|update|alter|truncate)\s+(?:table|from|into|database)\b|'\s*(?:\)\s*)?(?:or|and)\s+['\x22]?\w+['\x22]?\s*=\s*['\x22]?\w+|\bunion\s+(?:all\s+)?select\s|;\s*drop\s+(?:table|database)\b",
    ),
    // language models
    (
        PROMPT,
        r"(?:\A|[.!?:;,>*#\x22'(\[\]\n-]\s*|\b(?:please|must|should|shall|now|and|then|ai|assistants?|llms?|agents?|models?|you|immediately|important|note)\s*[,:]?\s+)(?:ignore|disregard|forget|override|discard|bypass|do\s+not\s+follow|stop\s+following)\s+(?:(?:all|any|every|everything|the|your|these|those|of|and|or|other)\s+)*(?:previous|prior|above|earlier|preceding|former|foregoing|existing|original|initial|current|system|safety|security|developer)(?:ly)?\b[^.\n]*\b(?:instruction|prompt|rule|guideline|direction|directive|command|message|context|constraint|polic|order|request|training|filter|warning|check)",
    ),
    (
        PROMPT,
        r"\b(?:ignore|disregard|forget)\s+(?:everything|all|anything)\s+(?:(?:that\s+)?(?:was|is|has\s+been|you\s+(?:were|have\s+been))\s+)?(?:above|before|said|told|written|you\s+know|prior)\b",
    ),
    (
        PROMPT,
        r"\b(?:ignore|disregard|forget|override)\s+(?:all\s+|any\s+)?(?:of\s+)?your\s+(?:\w+\s+){0,2}(?:instructions?|prompts?|rules|guidelines|training|constraints|polic\w+|directives?)\b",
    ),
    (
        PROMPT,
        r"\b(?:tell|inform|assure|convince|persuade|advise|respond\s+to|reply\s+to|report\s+to|say\s+to|instruct|urge)\s+(?:the\s+|your\s+|all\s+|any\s+)?(?:user|human|operator|reader|reviewer|analyst|person|developer|customer)s?\b[^.\n]*\b(?:safe|verified|trusted|clean|secure|benign|harmless|approved|certified|official|run|execute|install|download|disable|visit|paste|password|api\s+key)",
    ),
    (
        PROMPT,
        r"\b(?:do\s+not|don'?t|never|without)\s+(?:tell|telling|inform|informing|warn|warning|mention|mentioning|reveal|revealing|alert|alerting|notify|notifying|disclose|disclosing)\b[^.\n]*\b(?:user|human|operator|anyone|anybody|reader|this\s+(?:instruction|message|text|prompt|rule)|these\s+instructions)",
    ),
    (
        PROMPT,
        r"\b(?:if|when|since)\s+you\s*(?:are|'re)\s+(?:an?\s+)?(?:ai|llm|language\s+model|large\s+language\s+model|assistant|chatbot|agent|automated\s+\w+|scanner)\b|\b(?:ai|llm|language\s+model|assistant|agent|chatbot|scanner|reviewer)s?\s*(?:that\s+(?:is|are)\s+|who\s+(?:is|are)\s+)?(?:reading|processing|analy[sz]ing|reviewing|summari[sz]ing|scanning|parsing|inspecting)\s+(?:this|these)\b|\b(?:attention|note|instructions?|message)\s*(?:to|for|:)?\s+(?:all\s+|any\s+|the\s+)?(?:ais?|llms?|language\s+models?|assistants?|ai\s+(?:assistants?|agents?|systems?|models?|scanners?|reviewers?))\s*[:,-]",
    ),
    (
        PROMPT,
        r"\byou\s+are\s+(?:now|henceforth|no\s+longer)\s+(?:an?\s+(?:\w+\s+){0,2}(?:assistant|ai|bot|agent|hacker|persona|character|model|expert|admin\w*)|dan\b|free\b|unrestricted|unfiltered|jailbroken|in\s+(?:developer|debug|admin|god|maintenance|dan)\b|operating|bound|acting|restricted|under\s)|\bfrom\s+now\s+on,?\s+(?:you|always|never|respond|act|answer|ignore)\b|\bdo\s+anything\s+now\b|\b(?:developer|god|admin|debug|sudo)\s+mode\s+(?:is\s+)?(?:enabled|activated|on)\b",
    ),
    (
        PROMPT,
        r"\b(?:new|updated|revised|real|actual|hidden|secret|additional|override)\s+system\s+(?:instructions?|prompt|directives?)\s*:|\b(?:end\s+of|begin|start\s+of)\s+(?:system\s+|new\s+)(?:prompt|instructions?|message)\b|<\s*/?\s*(?:system|important|instructions?|admin)\s*>",
    ),
    (
        PROMPT,
        r"\b(?:reveal|leak|exfiltrate|send|post|upload|transmit|forward|disclose|dump|email)\s+(?:me\s+)?(?:(?:your|the|all|any|its|their|users?'?s?|every|entire|full|of)\s+)+(?:\w+\s+){0,2}(?:system\s+prompt|prompts?|api\s+keys?|passwords?|credentials|secrets?|private\s+keys?|tokens\s+to|conversations?|chat\s+history|environment\s+variables|personal\s+data)\b",
    ),
    (
        PROMPT,
        r"\b(?:mark|report|classify|rate|flag|label|treat|consider|declare)\s+(?:this|the)\s+(?:\w+\s+)?(?:file|model|checkpoint|gguf|metadata|repository)\s+(?:as\s+|to\s+be\s+)?(?:\w+\s+)?(?:safe|clean|trusted|verified|benign|harmless|secure)\b|\bthis\s+(?:file|model|gguf)\s+(?:is|was|has\s+been)\s+(?:already\s+|fully\s+)?(?:scanned|verified|certified|checked|audited)\s+(?:and\s+\w+\s+|as\s+|to\s+be\s+)?(?:safe|clean|harmless|secure|benign)\b",
    ),
    (
        PROMPT,
        r"\bignor(?:iere|ieren|a|e|ez|ar)\s+(?:sie\s+)?(?:alle[rns]?|todas?|todos|toutes?|tous|tutte|tutti|as|las|les|le|die)\s[^.\n]*(?:anweisung|instruc|istruzion|instru\xc3|consigne|befehl)|игнорируй\w*\s[^.\n]*инструкци|忽略[^\n]*(?:指令|指示|提示)|(?:指示|命令)[^\n]*無視",
    ),
];

const SHELL: &str = "a shell command";
const CODE: &str = "code that runs commands";
const PAGE: &str = "active content for a web page";
const FORMULA: &str = "a spreadsheet formula";
const LOOKUP: &str = "a look-up that loggers resolve";
const PLACE: &str = "a path or address that leads elsewhere";
const SQL: &str = "a fragment of SQL";
const PROMPT: &str = "instructions to a language model";

static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    let patterns = PATTERNS.iter().map(|(_, pattern)| pattern);
    RegexSetBuilder::new(patterns).unicode(false).case_insensitive(true).size_limit(64 << 20).build().ok()
});

/// Reports the first of the patterns that a string has.
pub(super) fn check(text: &[u8], report: &mut Report<'_>) {
    if let Some((what, pattern)) = matching(text) {
        let found = regex(pattern).and_then(|regex| regex.find(text).map(|found| found.range())).unwrap_or_default();
        report
            .add(META_TXT, found.start, || format!("holds {what}: {}", printable(text.get(found).unwrap_or_default())));
    }
}

/// What kind of text that acts is in `text`.
pub(super) fn find(text: &[u8]) -> Option<&'static str> {
    matching(text).map(|(what, _)| what)
}

fn matching(text: &[u8]) -> Option<(&'static str, &'static str)> {
    let first = SET.as_ref()?.matches(text).into_iter().next()?;
    PATTERNS.get(first).copied()
}

fn regex(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).case_insensitive(true).build().ok()
}

#[cfg(test)]
mod tests;
