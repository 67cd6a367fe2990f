"""Login profiles as people and hardening guides have them: each in a file that a login shell reads, and what a session makes of it.

Shapes from public dotfiles and guides: mathiasbynens/dotfiles and holman/dotfiles (options, prompts, completions), the README files of
conda, pyenv, nvm, rvm, sdkman, asdf, direnv, Nix, Homebrew and starship, the Arch and the ArchWiki pages on tmux and `exec fish`, the CIS
benchmarks and DISA STIGs of RHEL and Debian (TMOUT, umask, HISTFILE, `mesg n`, screen locks), sites that record sessions by script(1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jupyter_remote_kit.plan.shell import Profile

SAYS = "export FROM_PROFILE=yes\n"
FOREVER = "sleep 987654"


@dataclass(frozen=True)
class Case:
    """`files` of the home; `profile`: what becomes of it; `reaches`: what a request prints that looks at its effect, and must print."""

    name: str
    files: Mapping[str, str]
    profile: Profile = Profile.USED
    login_shell: str = "bash"
    reaches: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)


def bash(name: str, text: str, profile: Profile = Profile.USED, **reaches: str) -> Case:
    """A `.bash_profile`: these lines, and then a variable by which its last line is known to have been read."""
    return Case(name, {".bash_profile": f"{text}\n{SAYS}"}, profile, reaches=reaches)


def zsh(name: str, text: str, profile: Profile = Profile.USED) -> Case:
    """The same for zsh."""
    return Case(name, {".zprofile": f"{text}\n{SAYS}"}, profile, "zsh")


def fish(name: str, text: str, profile: Profile = Profile.USED) -> Case:
    """The same for fish."""
    # fish has one file for all, which sshd's own shell reads as well.
    return Case(name, {".config/fish/config.fish": f"if status is-login\n{text}\nset -x FROM_PROFILE yes\nend\n"}, profile, "fish")


def dash(name: str, text: str, profile: Profile = Profile.USED) -> Case:
    """The same for sh."""
    return Case(name, {".profile": f"{text}\n{SAYS}"}, profile, "dash")


_SHORT = ("request", "code", "run", "seconds", "late", "served", "login", "timer", "watch", "any")
_EXPORTED = dict.fromkeys(_SHORT, "mine")

CASES = (
    # -- another shell in the place of this one --------------------------------------------------------------------------------------
    bash("exec zsh -l", "exec zsh -l", Profile.ENDED),
    bash("exec zsh, if there is one", '[ -x "$(command -v zsh)" ] && export SHELL="$(command -v zsh)" && exec "$SHELL" -l', Profile.ENDED),
    bash("exec fish", "if command -v fish >/dev/null; then exec fish; fi", Profile.ENDED),
    bash("exec bash with another file", "exec bash --rcfile ~/.other -i", Profile.ENDED),
    bash("exec tmux", '[ -n "$TMUX" ] || exec tmux new-session -A -s main', Profile.ENDED),
    bash("exec screen", "exec screen -xRR", Profile.ENDED),
    bash("byobu", "_byobu_sourced=1 . /usr/bin/byobu-launch 2>/dev/null || true"),
    bash("script records the session", 'exec script -q -c "sleep 987654" "$HOME/session.log"', Profile.LATE),
    bash(
        "script around a shell",
        'if [ -z "$SCRIPT" ]; then export SCRIPT=1; script -q -c "exec cat >/dev/null" /dev/null; exit; fi',
        Profile.ENDED,
    ),
    bash("sudo -i", "sudo -n -i true || true"),
    bash("exec to a menu that reads", "exec /bin/sh -c 'while read -r choice; do :; done; exit 4'", Profile.ENDED),
    zsh("zsh: exec bash", "exec bash -l", Profile.ENDED),
    zsh("zsh: tmux", 'if [[ -z "$TMUX" ]]; then exec tmux attach; fi', Profile.ENDED),
    fish("fish: exec bash", "exec bash -l", Profile.ENDED),
    dash("sh: exec bash", "exec bash", Profile.ENDED),
    # -- the end of the shell --------------------------------------------------------------------------------------------------------
    bash("exit", "echo 'no shell for you'; exit 3", Profile.ENDED),
    bash("exit 0", "exit 0", Profile.ENDED),
    bash("exit 199", "exit 199", Profile.ENDED),
    bash("exit 99", "exit 99", Profile.ENDED),
    bash("logout unless there is a terminal", "tty -s || exit", Profile.ENDED),
    bash("set -e and a command that fails", "set -e; false", Profile.ENDED),
    bash("kills itself", "kill -9 $$", Profile.ENDED),
    Case("an error of syntax", {".bash_profile": f"if then fi (((\n{SAYS}"}, reaches={"${FROM_PROFILE:-no}": "no"}),
    bash("exec of what is not there", "exec /gone/shell", Profile.ENDED),
    dash("sh: set -u and a variable that is not set", "set -u; : $NOT_SET", Profile.ENDED),
    # -- it takes its time ---------------------------------------------------------------------------------------------------------------
    bash("sleeps", FOREVER, Profile.LATE),
    bash("waits for a lock", f"exec 9>~/lock; flock 9; {FOREVER}", Profile.LATE),
    bash("does not hear a hang-up", "trap '' HUP TERM INT; while :; do :; done", Profile.LATE),
    bash("loops", "while :; do :; done", Profile.LATE),
    zsh("zsh: sleeps", FOREVER, Profile.LATE),
    fish("fish: sleeps", FOREVER, Profile.LATE),
    dash("sh: sleeps", FOREVER, Profile.LATE),
    # -- it reads ------------------------------------------------------------------------------------------------------------------------
    bash("asks a question", "read -r -p 'Which project? ' project"),
    bash("asks until it is answered", 'until [ -n "$project" ]; do read -r project || break; done'),
    bash("reads all that there is", "cat >/dev/null"),
    bash("reads from the session's own descriptors", "cat <&0 >/dev/null; read -r x"),
    bash(
        "ssh-agent and a key",
        'eval "$(ssh-agent -s)" >/dev/null; ssh-add ~/.ssh/id 2>/dev/null; trap "ssh-agent -k" EXIT; ssh-agent -k >/dev/null',
    ),
    bash("an agent that is missing", "eval $(keychain --eval --quiet id_ed25519)"),
    # -- it prints -----------------------------------------------------------------------------------------------------------------------
    bash("prints much", "seq 200000; head -c 2000000 /dev/urandom; seq 200000 >&2"),
    bash(
        "prints the session's own words",
        'tr "\\0" "\\n" </proc/$PPID/cmdline | grep remotekit; echo "$REMOTEKIT_LOOP"; echo remotekit-00 1',
    ),
    bash("a message of the day", "cat /etc/motd; fortune 2>/dev/null; printf '\\033]0;title\\007no end of line'"),
    bash("clears and sets the terminal", "clear; stty -ixon; tput reset; mesg n; tset -Q; biff n"),
    bash("closes what it has", "exec 0<&- 1>&- 2>&-"),
    bash("sends its output elsewhere", "exec >~/log 2>&1; exec 3>&1 4>&2"),
    bash("traces itself", "set -x; set -v; PS4='+ $(date) '"),
    # -- options, traps, names -----------------------------------------------------------------------------------------------------------
    bash("errexit, nounset, noglob, noclobber", "set -o vi; set -eufC; set -o pipefail"),
    bash("posix", "set -o posix"),
    bash("options for every bash", "set -o noclobber -o noglob -o nounset; export SHELLOPTS BASHOPTS"),
    bash("errexit for every bash", "set -e; export SHELLOPTS"),
    bash("traps", "trap 'echo bye; exit 5' EXIT; trap 'echo error' ERR; trap ':' DEBUG; trap '' PIPE USR2"),
    bash("ignores hang-ups", "trap '' HUP"),
    bash(
        "aliases", "shopt -s expand_aliases; alias python=false printf=false cat=false cd=false read=false echo=false eval=false kill=false"
    ),
    bash("functions", 'cd() { builtin cd "$@" && ls; }; python() { false; }; command_not_found_handle() { sleep 9; }; export -f python'),
    bash(
        "exported functions by the names of programs",
        'for name in read echo printf kill cat head command test cd pwd getent; do eval "$name() { exit 9; }"; export -f "$name"; done',
    ),
    bash("readonly names", "readonly n=1 request=2 code=3 data=4 own=5 PATH HOME IFS; declare -r python=6 kit=7"),
    bash("a prompt that runs programs", "PS1='$(git branch) '; PROMPT_COMMAND='history -a; sleep 9'; export PS1 PROMPT_COMMAND"),
    bash("a read-only history", "readonly HISTFILE HISTSIZE=5000; export HISTCONTROL; shopt -s histappend"),
    bash("a time-out of the shell", "readonly TMOUT=1; export TMOUT", TMOUT=""),
    bash("IFS", "IFS=/; export IFS", FROM_PROFILE="yes"),
    bash("a folder to work in", "cd /usr; CDPATH=/:/etc; export CDPATH; cd etc"),
    bash("a locale of many bytes", "export LC_ALL=zh_CN.GBK LANG=zh_CN.GBK", LC_ALL="zh_CN.GBK"),
    bash("a locale that is not there", "export LC_ALL=xx_YY.UTF-8", LC_ALL="xx_YY.UTF-8"),
    # -- the environment -------------------------------------------------------------------------------------------------------------------
    bash(
        "PATH of conda and CUDA", 'export PATH="$HOME/miniconda3/bin:$PATH" CUDA_HOME=/opt/cuda CONDA_EXE="$HOME/x"', CUDA_HOME="/opt/cuda"
    ),
    bash("values of any kind", "export A=$'it\\'s \"a\"\\n$HOME `x` \\\\ 数据'; export B='a b'", B="a b"),
    bash("PATH is empty", "PATH="),
    bash("PATH is unset", "unset PATH"),
    bash("PATH of the user alone", "export PATH=$HOME/bin:."),
    bash("files for every shell", "echo 'echo sounds; set -eu; alias echo=false' >~/env; export BASH_ENV=~/env ENV=~/env", ENV="$HOME/env"),
    bash("Python's own variables", "export PYTHONSTARTUP=/gone PYTHONPATH=/gone PYTHONINSPECT=1", PYTHONPATH="/gone"),
    bash("a library that is not there", "export LD_PRELOAD=/gone.so LD_LIBRARY_PATH=/gone", LD_PRELOAD="/gone.so"),
    bash("old habits", "export GREP_OPTIONS='--color=always' POSIXLY_CORRECT=1 LESS=-R TERM=dumb", POSIXLY_CORRECT="1"),
    bash("another HOME", "export HOME=/tmp", HOME="/tmp"),
    bash("an environment that is emptied", "exec env -i bash -c :", Profile.ENDED),
    bash(
        "names of short scripts",
        "export request=1 code=2 run=3 seconds=4 late=5 served=6 login=7 timer=8 watch=9 any=a; set -a; export SHELLOPTS",
        **dict(zip(_SHORT, "123456789a", strict=True)),
        **{"$(env | grep -c ^rk_)": "0"},
    ),
    Case("names that sshd's shell exports", {".bash_profile": SAYS}, reaches=dict(_EXPORTED), environ=dict(_EXPORTED)),
    bash("much of it", 'for i in $(seq 400); do export "V$i=$(printf %0200d $i)"; done', V400=f"{400:0200d}"),
    bash("modules", 'module() { eval "$(echo export MODULES=loaded)"; }; export -f module; module load cuda', MODULES="loaded"),
    bash(
        "version managers",
        'export NVM_DIR=$HOME/.nvm; [ -s "$NVM_DIR/nvm.sh" ] && . "$NVM_DIR/nvm.sh"; eval "$(pyenv init - 2>/dev/null)"; :',
    ),
    bash("starship, direnv, zoxide", 'eval "$(starship init bash)" 2>/dev/null; eval "$(direnv hook bash)"; eval "$(zoxide init bash)"'),
    # -- limits ----------------------------------------------------------------------------------------------------------------------------
    Case("umask", {".bash_profile": f"umask 027\n{SAYS}"}, reaches={"$(umask -S)": "u=rwx,g=rx,o="}),
    Case("limits", {".bash_profile": f"ulimit -S -n 512; ulimit -c 0; ulimit -S -u 4000; nice\n{SAYS}"}, reaches={"$(ulimit -n)": "512"}),
    bash("little memory", "ulimit -v 60000"),
    # -- what it starts --------------------------------------------------------------------------------------------------------------------
    bash("something behind", "(sleep 1; echo late words) & sleep 2 & disown"),
    bash("jobs under control", "set -m; sleep 1 & bg; jobs"),
    # -- other files and shells ----------------------------------------------------------------------------------------------------------
    Case("a .profile for want of others", {".profile": SAYS}),
    Case(
        "a .bash_profile that reads .bashrc",
        {".bash_profile": ". ~/.bashrc\n", ".bashrc": f"case $- in *i*) ;; *) return;; esac\n{SAYS}"},
        reaches={"${FROM_PROFILE:-no}": "no"},
    ),
    Case(
        "a .bashrc that sshd's shell reads as well",
        {".bashrc": f"echo words; TMOUT=1; IFS=x; export TMOUT IFS SHELLOPTS; set -eu; cd /usr; {SAYS}"},
        environ={"SSH_CLIENT": "192.0.2.1 1 22"},
    ),
    Case(
        "a .bashrc with functions", {".bashrc": f"read() {{ exit 9; }}; export -f read\n{SAYS}"}, environ={"SSH_CLIENT": "192.0.2.1 1 22"}
    ),
    zsh(
        "zsh: options",
        "setopt errexit nounset noclobber extendedglob shwordsplit ksharrays; unsetopt hup; autoload -Uz compinit; compinit -u",
    ),
    zsh("zsh: names", "alias printf=false read=false; readonly HISTFILE; typeset -U path; read() { exit 9 }; TRAPEXIT() { exit 5 }"),
    Case("zsh: .zshenv", {".zshenv": f"{SAYS}setopt nounset\ncd /\n"}, login_shell="zsh"),
    fish(
        "fish: functions", "function cd; exit 9; end; function fish_greeting; sleep 9; end; alias printf false; set -x TMOUT 1; umask 027"
    ),
    dash("sh: options", "set -eufC; trap 'exit 5' EXIT; alias echo=false; umask 077; TMOUT=1; export TMOUT"),
    Case("tcsh: .cshrc", {".cshrc": "setenv FROM_PROFILE yes\nalias cd 'false'\nset noclobber\n"}, Profile.NONE, "tcsh"),
    Case("no profile at all", {}, reaches={"${FROM_PROFILE:-no}": "no"}),
)
