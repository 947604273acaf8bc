#compdef rosterd

autoload -U is-at-least

_rosterd() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_rosterd_commands" \
"*::: :->rosterd" \
&& ret=0
    case $state in
    (rosterd)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:rosterd-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
'--source=[Where people come from; left out, it is asked for on a terminal, and else csv]:SOURCE:((ldap\:"A directory server\: Active Directory, OpenLDAP, FreeIPA, 389 Directory Server"
csv\:"Files of comma-separated values, such as an HR export"))' \
'--out=[The file to write; an existing one is never overwritten \[default\: the file of --config\]]:FILE:_files' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'--online[Also sign in to the sources and to Hyperproof, and read a page; nothing is written]' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(plan)
_arguments "${_arguments_options[@]}" : \
'--format=[How to show the plan]:FORMAT:((text\:"For a person at a terminal"
json\:"\`rosterd.plan/1\`, for scripts"
markdown\:"For a ticket or a pull request"))' \
'--out=[Write the plan to a file instead of standard output]:FILE:_files' \
'*--group=[Only this target group; may be given several times]:NAME:_default' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'--exit-code[End with 10 when changes are pending]' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
'--format=[How to show what was done]:FORMAT:((text\:"For a person at a terminal"
json\:"\`rosterd.run/1\`, for scripts"))' \
'*--group=[Only this target group; may be given several times]:NAME:_default' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(holds)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(approve)
_arguments "${_arguments_options[@]}" : \
'--by=[Who approves]:WHO:_default' \
'--reason=[Why; it goes into the audit log]:TEXT:_default' \
'--ticket=[A ticket'\''s reference]:REF:_default' \
'--expires=[How long the approval holds, such as 30m, 24h or 7d]:DURATION:_default' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::ids -- A hold'\''s id, or a plan'\''s digest for all holds of that plan:_default' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'(--live)--at=[As of this day (its end) or time, in the schedule'\''s time zone unless it names one]:TIME:_default' \
'--format=[How to show the answer]:FORMAT:((text\:"For a person at a terminal"
json\:"\`rosterd.explain/1\`, for scripts"))' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'--live[Read the sources and Hyperproof afresh; nothing is stored]' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':person -- An address, an account'\''s id, or a person'\''s id or DN:_default' \
'::group -- A target group, by name or id \[default\: all that concern the person\]:_default' \
&& ret=0
;;
(members)
_arguments "${_arguments_options[@]}" : \
'--at=[As of this day (its end) or time, in the schedule'\''s time zone unless it names one]:TIME:_default' \
'--format=[How to show the members]:FORMAT:((text\:"For a person at a terminal"
json\:"\`rosterd.members/1\`, for scripts"
csv\:"For a spreadsheet"))' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':group -- A target group, by name or id:_default' \
&& ret=0
;;
(review)
_arguments "${_arguments_options[@]}" : \
'--format=[How to write the sheet]:FORMAT:((markdown\:"For a ticket or a wiki"
csv\:"For a spreadsheet"))' \
'--out=[Write the sheet to a file instead of standard output]:FILE:_files' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':group -- A target group, by name or id:_default' \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
'--format=[How to show the plan, or what was done (text, json)]:FORMAT:((text\:"For a person at a terminal"
json\:"\`rosterd.plan/1\`, for scripts"
markdown\:"For a ticket or a pull request"))' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'--apply[Take it back; without this it is only planned]' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':run -- The run'\''s id, or the first 8 characters of it or more:_default' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
":: :_rosterd__subcmd__audit_commands" \
"*::: :->audit" \
&& ret=0

    case $state in
    (audit)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:rosterd-audit-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
'--format=[How to show the records]:FORMAT:((text\:"For a person at a terminal"
jsonl\:"\`rosterd.audit/1\`\: one record a line, as it is in the chain"
csv\:"For a spreadsheet"))' \
'--limit=[Only the latest so many records]:N:_default' \
'--since=[Only records from this day or time on (2026-11-22, or 2026-11-22T05\:00\:00Z)]:TIME:_default' \
'--run=[Only the records of this run]:RUN:_default' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
'*--pubkey=[Public keys in PEM, one of which must have signed the log (repeatable)]:FILE:_files' \
'--checkpoints=[A checkpoint file to compare the log with \[default\: that of the configuration, where no PATH is given\]]:FILE:_files' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::path -- A state file, a copy of one, an archive, a directory of archives, an evidence pack, or a log in JSON Lines \[default\: the state file of the configuration, with its archives\]:_files' \
&& ret=0
;;
(pubkey)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
'--from=[From this day or time on (2026-01-01, 2026-01-01T06\:00, 2026-01-01T06\:00\:00+01\:00)]:TIME:_default' \
'--to=[Up to this day or time, not including it \[default\: now\]]:TIME:_default' \
'--out=[The directory to write\: a new one, or an empty one]:DIR:_files' \
'--sample=[How many joiners, and how many leavers, are drawn]:N:_default' \
'--seed=[What the sample is drawn by; a random one otherwise]:N:_default' \
'--objective=[How long a removal may take, such as 4h, 24h or 3d]:DURATION:_default' \
'--timezone=[The time zone of days, such as Europe/Berlin \[default\: the schedule'\''s, else UTC\]]:NAME:_default' \
'--key-file=[Where the key of the pseudonyms is written; shown once otherwise]:FILE:_files' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'--pseudonymise[Let pseudonyms stand for people; the records of the chain are then left out]' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_rosterd__subcmd__audit__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:rosterd-audit-help-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pubkey)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(backup)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':file -- The file to write; an existing one is never overwritten:_files' \
&& ret=0
;;
(simulate)
_arguments "${_arguments_options[@]}" : \
'--listen=[The address to listen on; port 0 takes a free one]:ADDR:_default' \
'--world=[The organisation to begin with; left out, an empty one]:FILE:_files' \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(demo)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(schema)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':shell -- The shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration]:FILE:_files' \
'--log-format=[How the log is written to standard error]:FORMAT:((text\:"Lines for people"
json\:"One JSON object a line"))' \
'--color=[When to use colours; NO_COLOR is honoured]:WHEN:(auto always never)' \
'(-q --quiet)*-v[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'(-q --quiet)*--verbose[Say more\: whole lists, and more log (-vv\: debug, -vvv\: trace)]' \
'*-q[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'*--quiet[Log less (-q\: errors alone, -qq\: nothing), and show no progress]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_rosterd__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:rosterd-help-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(plan)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(holds)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(approve)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(members)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(review)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
":: :_rosterd__subcmd__help__subcmd__audit_commands" \
"*::: :->audit" \
&& ret=0

    case $state in
    (audit)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:rosterd-help-audit-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pubkey)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(export)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(backup)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(simulate)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(demo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(schema)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_rosterd_commands] )) ||
_rosterd_commands() {
    local commands; commands=(
'init:Write a short, commented configuration to start from' \
'check:Find every mistake in the configuration' \
'plan:Show what a run would do, and change nothing' \
'apply:Make one run\: read, decide, and carry out what the guard lets through' \
'run:Run as a service, by the schedule of the configuration' \
'holds:Show what waits for a person' \
'approve:Let exactly what is held through' \
'explain:Say why a person is, or is not, in a group' \
'members:Show who is, or was, in a group, and by which grant' \
'review:Write a sheet of a group'\''s members for the group'\''s owner' \
'undo:Take back what one run did' \
'status:Show last runs, the next one, holds, and how old the last reads of the sources are' \
'audit:Read and check the audit log' \
'backup:Make a consistent copy of the state, also while rosterd runs' \
'simulate:Serve a simulated Hyperproof organisation over HTTP' \
'demo:See all of it work, with nothing configured' \
'schema:Print the JSON Schema of the configuration' \
'completions:Print shell completions' \
'man:Print the man page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'rosterd commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__apply_commands] )) ||
_rosterd__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd apply commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__approve_commands] )) ||
_rosterd__subcmd__approve_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd approve commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit_commands] )) ||
_rosterd__subcmd__audit_commands() {
    local commands; commands=(
'list:Show the log\: all of it, unless told otherwise' \
'verify:Check that no record was changed, dropped or moved' \
'pubkey:Print the public key of audit.signing_key, and its fingerprint, for those who check' \
'export:Write an evidence pack of a period' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'rosterd audit commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__export_commands] )) ||
_rosterd__subcmd__audit__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit export commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__help_commands] )) ||
_rosterd__subcmd__audit__subcmd__help_commands() {
    local commands; commands=(
'list:Show the log\: all of it, unless told otherwise' \
'verify:Check that no record was changed, dropped or moved' \
'pubkey:Print the public key of audit.signing_key, and its fingerprint, for those who check' \
'export:Write an evidence pack of a period' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'rosterd audit help commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__help__subcmd__export_commands] )) ||
_rosterd__subcmd__audit__subcmd__help__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit help export commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__help__subcmd__help_commands] )) ||
_rosterd__subcmd__audit__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit help help commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__help__subcmd__list_commands] )) ||
_rosterd__subcmd__audit__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit help list commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__help__subcmd__pubkey_commands] )) ||
_rosterd__subcmd__audit__subcmd__help__subcmd__pubkey_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit help pubkey commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__help__subcmd__verify_commands] )) ||
_rosterd__subcmd__audit__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit help verify commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__list_commands] )) ||
_rosterd__subcmd__audit__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit list commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__pubkey_commands] )) ||
_rosterd__subcmd__audit__subcmd__pubkey_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit pubkey commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__audit__subcmd__verify_commands] )) ||
_rosterd__subcmd__audit__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd audit verify commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__backup_commands] )) ||
_rosterd__subcmd__backup_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd backup commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__check_commands] )) ||
_rosterd__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd check commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__completions_commands] )) ||
_rosterd__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd completions commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__demo_commands] )) ||
_rosterd__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd demo commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__explain_commands] )) ||
_rosterd__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd explain commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help_commands] )) ||
_rosterd__subcmd__help_commands() {
    local commands; commands=(
'init:Write a short, commented configuration to start from' \
'check:Find every mistake in the configuration' \
'plan:Show what a run would do, and change nothing' \
'apply:Make one run\: read, decide, and carry out what the guard lets through' \
'run:Run as a service, by the schedule of the configuration' \
'holds:Show what waits for a person' \
'approve:Let exactly what is held through' \
'explain:Say why a person is, or is not, in a group' \
'members:Show who is, or was, in a group, and by which grant' \
'review:Write a sheet of a group'\''s members for the group'\''s owner' \
'undo:Take back what one run did' \
'status:Show last runs, the next one, holds, and how old the last reads of the sources are' \
'audit:Read and check the audit log' \
'backup:Make a consistent copy of the state, also while rosterd runs' \
'simulate:Serve a simulated Hyperproof organisation over HTTP' \
'demo:See all of it work, with nothing configured' \
'schema:Print the JSON Schema of the configuration' \
'completions:Print shell completions' \
'man:Print the man page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'rosterd help commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__apply_commands] )) ||
_rosterd__subcmd__help__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help apply commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__approve_commands] )) ||
_rosterd__subcmd__help__subcmd__approve_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help approve commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__audit_commands] )) ||
_rosterd__subcmd__help__subcmd__audit_commands() {
    local commands; commands=(
'list:Show the log\: all of it, unless told otherwise' \
'verify:Check that no record was changed, dropped or moved' \
'pubkey:Print the public key of audit.signing_key, and its fingerprint, for those who check' \
'export:Write an evidence pack of a period' \
    )
    _describe -t commands 'rosterd help audit commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__audit__subcmd__export_commands] )) ||
_rosterd__subcmd__help__subcmd__audit__subcmd__export_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help audit export commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__audit__subcmd__list_commands] )) ||
_rosterd__subcmd__help__subcmd__audit__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help audit list commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__audit__subcmd__pubkey_commands] )) ||
_rosterd__subcmd__help__subcmd__audit__subcmd__pubkey_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help audit pubkey commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__audit__subcmd__verify_commands] )) ||
_rosterd__subcmd__help__subcmd__audit__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help audit verify commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__backup_commands] )) ||
_rosterd__subcmd__help__subcmd__backup_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help backup commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__check_commands] )) ||
_rosterd__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help check commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__completions_commands] )) ||
_rosterd__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help completions commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__demo_commands] )) ||
_rosterd__subcmd__help__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help demo commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__explain_commands] )) ||
_rosterd__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help explain commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__help_commands] )) ||
_rosterd__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help help commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__holds_commands] )) ||
_rosterd__subcmd__help__subcmd__holds_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help holds commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__init_commands] )) ||
_rosterd__subcmd__help__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help init commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__man_commands] )) ||
_rosterd__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help man commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__members_commands] )) ||
_rosterd__subcmd__help__subcmd__members_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help members commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__plan_commands] )) ||
_rosterd__subcmd__help__subcmd__plan_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help plan commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__review_commands] )) ||
_rosterd__subcmd__help__subcmd__review_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help review commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__run_commands] )) ||
_rosterd__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help run commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__schema_commands] )) ||
_rosterd__subcmd__help__subcmd__schema_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help schema commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__simulate_commands] )) ||
_rosterd__subcmd__help__subcmd__simulate_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help simulate commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__status_commands] )) ||
_rosterd__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help status commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__help__subcmd__undo_commands] )) ||
_rosterd__subcmd__help__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd help undo commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__holds_commands] )) ||
_rosterd__subcmd__holds_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd holds commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__init_commands] )) ||
_rosterd__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd init commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__man_commands] )) ||
_rosterd__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd man commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__members_commands] )) ||
_rosterd__subcmd__members_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd members commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__plan_commands] )) ||
_rosterd__subcmd__plan_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd plan commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__review_commands] )) ||
_rosterd__subcmd__review_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd review commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__run_commands] )) ||
_rosterd__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd run commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__schema_commands] )) ||
_rosterd__subcmd__schema_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd schema commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__simulate_commands] )) ||
_rosterd__subcmd__simulate_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd simulate commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__status_commands] )) ||
_rosterd__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd status commands' commands "$@"
}
(( $+functions[_rosterd__subcmd__undo_commands] )) ||
_rosterd__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'rosterd undo commands' commands "$@"
}

if [ "$funcstack[1]" = "_rosterd" ]; then
    _rosterd "$@"
else
    compdef _rosterd rosterd
fi
