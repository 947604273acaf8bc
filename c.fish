# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rosterd_global_optspecs
    string join \n config= v/verbose q/quiet log-format= color= h/help V/version
end

function __fish_rosterd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rosterd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rosterd_using_subcommand
    set -l cmd (__fish_rosterd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rosterd -n "__fish_rosterd_needs_command" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_needs_command" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_needs_command" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_needs_command" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_needs_command" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_needs_command" -s V -l version -d 'Print version'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "init" -d 'Write a short, commented configuration to start from'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "check" -d 'Find every mistake in the configuration'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "plan" -d 'Show what a run would do, and change nothing'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "apply" -d 'Make one run: read, decide, and carry out what the guard lets through'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "run" -d 'Run as a service, by the schedule of the configuration'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "holds" -d 'Show what waits for a person'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "approve" -d 'Let exactly what is held through'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "explain" -d 'Say why a person is, or is not, in a group'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "members" -d 'Show who is, or was, in a group, and by which grant'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "review" -d 'Write a sheet of a group\'s members for the group\'s owner'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "undo" -d 'Take back what one run did'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "status" -d 'Show last runs, the next one, holds, and how old the last reads of the sources are'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "audit" -d 'Read and check the audit log'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "backup" -d 'Make a consistent copy of the state, also while rosterd runs'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "simulate" -d 'Serve a simulated Hyperproof organisation over HTTP'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "demo" -d 'See all of it work, with nothing configured'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "schema" -d 'Print the JSON Schema of the configuration'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "completions" -d 'Print shell completions'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "man" -d 'Print the man page'
complete -c rosterd -n "__fish_rosterd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -l source -d 'Where people come from; left out, it is asked for on a terminal, and else csv' -r -f -a "ldap\t'A directory server: Active Directory, OpenLDAP, FreeIPA, 389 Directory Server'
csv\t'Files of comma-separated values, such as an HR export'"
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -l out -d 'The file to write; an existing one is never overwritten [default: the file of --config]' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -l online -d 'Also sign in to the sources and to Hyperproof, and read a page; nothing is written'
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l format -d 'How to show the plan' -r -f -a "text\t'For a person at a terminal'
json\t'`rosterd.plan/1`, for scripts'
markdown\t'For a ticket or a pull request'"
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l out -d 'Write the plan to a file instead of standard output' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l group -d 'Only this target group; may be given several times' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -l exit-code -d 'End with 10 when changes are pending'
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -l format -d 'How to show what was done' -r -f -a "text\t'For a person at a terminal'
json\t'`rosterd.run/1`, for scripts'"
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -l group -d 'Only this target group; may be given several times' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand run" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand run" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand run" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand run" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand run" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand holds" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand holds" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand holds" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand holds" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand holds" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand holds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l by -d 'Who approves' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l reason -d 'Why; it goes into the audit log' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l ticket -d 'A ticket\'s reference' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l expires -d 'How long the approval holds, such as 30m, 24h or 7d' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -l at -d 'As of this day (its end) or time, in the schedule\'s time zone unless it names one' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -l format -d 'How to show the answer' -r -f -a "text\t'For a person at a terminal'
json\t'`rosterd.explain/1`, for scripts'"
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -l live -d 'Read the sources and Hyperproof afresh; nothing is stored'
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -l at -d 'As of this day (its end) or time, in the schedule\'s time zone unless it names one' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -l format -d 'How to show the members' -r -f -a "text\t'For a person at a terminal'
json\t'`rosterd.members/1`, for scripts'
csv\t'For a spreadsheet'"
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand members" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -l format -d 'How to write the sheet' -r -f -a "markdown\t'For a ticket or a wiki'
csv\t'For a spreadsheet'"
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -l out -d 'Write the sheet to a file instead of standard output' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand review" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -l format -d 'How to show the plan, or what was done (text, json)' -r -f -a "text\t'For a person at a terminal'
json\t'`rosterd.plan/1`, for scripts'
markdown\t'For a ticket or a pull request'"
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -l apply -d 'Take it back; without this it is only planned'
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand undo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand status" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand status" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand status" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand status" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand status" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -f -a "list" -d 'Show the log: all of it, unless told otherwise'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -f -a "verify" -d 'Check that no record was changed, dropped or moved'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -f -a "pubkey" -d 'Print the public key of audit.signing_key, and its fingerprint, for those who check'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -f -a "export" -d 'Write an evidence pack of a period'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and not __fish_seen_subcommand_from list verify pubkey export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l format -d 'How to show the records' -r -f -a "text\t'For a person at a terminal'
jsonl\t'`rosterd.audit/1`: one record a line, as it is in the chain'
csv\t'For a spreadsheet'"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l limit -d 'Only the latest so many records' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l since -d 'Only records from this day or time on (2026-11-22, or 2026-11-22T05:00:00Z)' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l run -d 'Only the records of this run' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l pubkey -d 'Public keys in PEM, one of which must have signed the log (repeatable)' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l checkpoints -d 'A checkpoint file to compare the log with [default: that of the configuration, where no PATH is given]' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from pubkey" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from pubkey" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from pubkey" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from pubkey" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from pubkey" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from pubkey" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l from -d 'From this day or time on (2026-01-01, 2026-01-01T06:00, 2026-01-01T06:00:00+01:00)' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l to -d 'Up to this day or time, not including it [default: now]' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l out -d 'The directory to write: a new one, or an empty one' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l sample -d 'How many joiners, and how many leavers, are drawn' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l seed -d 'What the sample is drawn by; a random one otherwise' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l objective -d 'How long a removal may take, such as 4h, 24h or 3d' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l timezone -d 'The time zone of days, such as Europe/Berlin [default: the schedule\'s, else UTC]' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l key-file -d 'Where the key of the pseudonyms is written; shown once otherwise' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -l pseudonymise -d 'Let pseudonyms stand for people; the records of the chain are then left out'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show the log: all of it, unless told otherwise'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check that no record was changed, dropped or moved'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "pubkey" -d 'Print the public key of audit.signing_key, and its fingerprint, for those who check'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write an evidence pack of a period'
complete -c rosterd -n "__fish_rosterd_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rosterd -n "__fish_rosterd_using_subcommand backup" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand backup" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand backup" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand backup" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand backup" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -l listen -d 'The address to listen on; port 0 takes a free one' -r
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -l world -d 'The organisation to begin with; left out, an empty one' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand demo" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand demo" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand demo" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand demo" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand demo" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand schema" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand schema" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand schema" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand schema" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand schema" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand completions" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand completions" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand completions" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand completions" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand completions" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand man" -l config -d 'The configuration' -r -F
complete -c rosterd -n "__fish_rosterd_using_subcommand man" -l log-format -d 'How the log is written to standard error' -r -f -a "text\t'Lines for people'
json\t'One JSON object a line'"
complete -c rosterd -n "__fish_rosterd_using_subcommand man" -l color -d 'When to use colours; NO_COLOR is honoured' -r -f -a "auto\t''
always\t''
never\t''"
complete -c rosterd -n "__fish_rosterd_using_subcommand man" -s v -l verbose -d 'Say more: whole lists, and more log (-vv: debug, -vvv: trace)'
complete -c rosterd -n "__fish_rosterd_using_subcommand man" -s q -l quiet -d 'Log less (-q: errors alone, -qq: nothing), and show no progress'
complete -c rosterd -n "__fish_rosterd_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "init" -d 'Write a short, commented configuration to start from'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "check" -d 'Find every mistake in the configuration'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "plan" -d 'Show what a run would do, and change nothing'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "apply" -d 'Make one run: read, decide, and carry out what the guard lets through'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "run" -d 'Run as a service, by the schedule of the configuration'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "holds" -d 'Show what waits for a person'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "approve" -d 'Let exactly what is held through'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "explain" -d 'Say why a person is, or is not, in a group'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "members" -d 'Show who is, or was, in a group, and by which grant'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "review" -d 'Write a sheet of a group\'s members for the group\'s owner'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "undo" -d 'Take back what one run did'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "status" -d 'Show last runs, the next one, holds, and how old the last reads of the sources are'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "audit" -d 'Read and check the audit log'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "backup" -d 'Make a consistent copy of the state, also while rosterd runs'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "simulate" -d 'Serve a simulated Hyperproof organisation over HTTP'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "demo" -d 'See all of it work, with nothing configured'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "schema" -d 'Print the JSON Schema of the configuration'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "completions" -d 'Print shell completions'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "man" -d 'Print the man page'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and not __fish_seen_subcommand_from init check plan apply run holds approve explain members review undo status audit backup simulate demo schema completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "list" -d 'Show the log: all of it, unless told otherwise'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Check that no record was changed, dropped or moved'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "pubkey" -d 'Print the public key of audit.signing_key, and its fingerprint, for those who check'
complete -c rosterd -n "__fish_rosterd_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "export" -d 'Write an evidence pack of a period'
