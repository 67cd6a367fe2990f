# Finds the kit on a host, and becomes it. For every POSIX shell; `plan/kitsearch.py` reads what is printed.
#   $1 an interpreter, $2 an environment (a folder or a name), $3 the project's folder, $4 the kit of the last time: each may be empty.
#   The rest is what the kit is told; without any of it, only Pythons are looked for.
# Once found, its path comes before all that it says itself. Else the exit code tells: 64 there is none, 65 what was named lacks it,
# 66 what was named is not there. The words of a user are data here: nothing of them is ever evaluated.

# In a subshell, whose variables end with it: the kit, and every kernel, would else find theirs changed where the profile has exported
# one of the same name, such as `data`. It prints to descriptor 3, and to its output the kit's path, or the exit code.
search() (
python=$1 environment=$2 project=$3 last=$4
asked=$(($# > 4))
name=jupyter-remotekit
kit= named=
HOME=${HOME:-/}
data=$HOME/.local/share
case ${XDG_DATA_HOME:-} in /*) data=$XDG_DATA_HOME ;; esac
own=$data/jupyter-remote-kit/env
newline='
'
# Its version, whether it makes environments that have pip, itself, and where console scripts are put (last those of the user alone).
ask='
import os, site, sys, sysconfig
from importlib.util import find_spec
able = "venv" if find_spec("ensurepip") and find_spec("venv") else "bare"
user = os.path.join(site.getuserbase(), "bin") if sys.prefix == sys.base_prefix else ""
version = "%d.%d.%d" % sys.version_info[:3]
os.write(1, os.fsencode("\n".join([version + " " + able, sys.executable, sysconfig.get_path("scripts"), user, "/"])))
'

home_of() {
  { getent passwd "$1" || cat /etc/passwd; } 2>/dev/null | while IFS=: read -r user a b c d home rest; do
    if [ "$user" = "$1" ]; then printf '%s\n' "$home"; break; fi
  done
}

# Sets `place`: absolute, with `~` and `~user` as a shell has them.
expand() {
  place=$1
  case $place in
    '~' | '~/'*) place=$HOME${place#'~'} ;;
    '~'*)
      user=${place#'~'}
      user=${user%%/*}
      home=$(home_of "$user")
      [ -z "$home" ] || place=$home${place#"~$user"} ;;
  esac
  case $place in
    /*) ;;
    *) place=$(pwd)/$place ;;
  esac
}

# Sets `place` to a program of PATH, or to nothing.
program() {
  place=$(command -v "$1" 2>/dev/null) || place=
  case $place in
    /*) ;;
    *) place= ;;
  esac
}

# Whether a console script can be run; sets `interpreter`, where its first lines tell. pip and uv write two when one would be too long.
usable() {
  [ -f "$1" ] && [ -x "$1" ] || return 1
  first= second= interpreter=
  { IFS= read -r first && IFS= read -r second; } <"$1" || :
  case $first$second in
    "#!/bin/sh'''exec' \""*) interpreter=${second#*\"} interpreter=${interpreter%%\"*} ;;
    "#!/bin/sh'''exec' '"*) interpreter=${second#*"exec' '"} interpreter=${interpreter%%"'"*} ;;
    "#!/bin/sh'''exec' "*) interpreter=${second#*"exec' "} interpreter=${interpreter%% *} ;;
    '#!'*) interpreter=${first#'#!'} interpreter=${interpreter# } interpreter=${interpreter%% *} ;;
  esac
  case $interpreter in
    /*) ;;
    *) interpreter= ;;
  esac
  if [ -z "$interpreter" ] || [ -x "$interpreter" ]; then return 0; fi
  printf 'remotekit-broken %s\n' "$1"
  return 1
}

# Takes the console script in this folder, unless there is one already. Our own environment is whole once it says so.
look_in() {
  [ -z "$kit" ] && [ -d "$1" ] || return 0
  [ "$1" != "$own/bin" ] || [ -f "$own/.complete" ] || return 0
  printf 'remotekit-looked %s\n' "$1"
  if usable "$1/$name"; then kit=$1/$name; fi
}

# Tells of an interpreter, and sets `executable`, `scripts` and `user_scripts`.
examine() {
  answer=$("$1" -I -c "$ask" </dev/null 2>/dev/null) || return 1
  version=${answer%%"$newline"*} answer=${answer#*"$newline"}
  executable=${answer%%"$newline"*} answer=${answer#*"$newline"}
  scripts=${answer%%"$newline"*} answer=${answer#*"$newline"}
  user_scripts=${answer%%"$newline"*}
  printf 'remotekit-python %s %s\n' "$version" "$executable"
}

# Calls $1 with the root of each conda that is there.
each_root() {
  exe=${CONDA_EXE:-}
  for root in "${exe%/bin/conda}" "${MAMBA_ROOT_PREFIX:-}" "$HOME/miniconda3" "$HOME/anaconda3" "$HOME/miniforge3" "$HOME/mambaforge" \
    "$HOME/micromamba" "$HOME/.conda" /opt/conda /opt/miniconda3 /opt/anaconda3 /opt/miniforge3; do
    if [ -n "$root" ] && [ -d "$root" ]; then "$1" "$root"; fi
  done
}

# One of the environments of that name: of several, the first that has the kit, else the first.
candidate() {
  [ -z "$kit" ] || return 0
  [ -d "$1/bin" ] || [ -d "$1/conda-meta" ] || return 0
  look_in "$1/bin"
  if [ -n "$kit" ] || [ -z "$named" ]; then named=$1; fi
}

candidate_of_root() {
  if [ "$environment" = base ]; then candidate "$1"; else candidate "$1/envs/$environment"; fi
}

by_name() {
  expand "${project:-.}"
  candidate "$place/$environment"
  each_root candidate_of_root
  if [ -r "$HOME/.conda/environments.txt" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      if [ "${line##*/}" = "$environment" ]; then candidate "$line"; fi
    done <"$HOME/.conda/environments.txt"
  fi
  candidate "${WORKON_HOME:-$HOME/.virtualenvs}/$environment"
  candidate "${PYENV_ROOT:-$HOME/.pyenv}/versions/$environment"
}

in_environment() {
  case $environment in
    */* | '~'*)
      expand "$environment"
      if [ -d "$place" ]; then named=$place; fi
      look_in "$place/bin" ;;
    *) by_name ;;
  esac
  [ -n "$named" ] || return 66
  [ -n "$kit" ] || examine "$named/bin/python"
  return 65
}

in_python() {
  case $python in
    */* | '~'*) expand "$python" ;;
    *) program "$python" ;;
  esac
  [ -n "$place" ] && examine "$place" || return 66
  named=$place
  for folder in "$scripts" "$user_scripts"; do
    if [ -z "$folder" ] || [ -n "$kit" ]; then continue; fi
    printf 'remotekit-looked %s\n' "$folder"
    # Several interpreters may share a folder for scripts, such as ~/.local/bin.
    if usable "$folder/$name" && { [ -z "$interpreter" ] || [ "$interpreter" -ef "$executable" ]; }; then kit=$folder/$name; fi
  done
  return 65
}

in_bin_of() { look_in "$1/bin"; }

anywhere() {
  # A project's own comes first: the last time may have been another project's.
  if [ -n "$project" ]; then
    expand "$project"
    for folder in .venv venv env .conda; do look_in "$place/$folder/bin"; done
  fi
  case $last in /*) look_in "${last%/*}" ;; esac
  look_in "$own/bin"
  program "$name"
  if [ -n "$place" ]; then look_in "${place%/*}"; fi
  look_in "$HOME/.local/bin"
  each_root in_bin_of
  return 64
}

examine_program() { if [ -n "$1" ] && [ -x "$1" ]; then examine "$1"; fi; }

examine_in() { examine_program "$1/bin/python3"; }

survey() {
  for folder in 3.13 3.12 3.11 3.10 3 ''; do
    program "python$folder"
    examine_program "$place"
  done
  for folder in /usr /usr/local /opt/homebrew "${PYENV_ROOT:-$HOME/.pyenv}"/versions/* "$data"/uv/python/*; do examine_in "$folder"; done
  each_root examine_in
}

if [ "$asked" = 0 ]; then
  survey >&3
  printf '64\n'
  exit
fi
{
  if [ -n "$python" ]; then
    in_python
  elif [ -n "$environment" ]; then
    in_environment
  else
    anywhere
  fi
  missing=$?
  if [ -n "$kit" ]; then
    printf 'remotekit-kit %s\n' "$kit"
  elif [ "$missing" = 64 ]; then
    survey
  elif [ -n "$python" ]; then
    printf 'remotekit-named-python %s\n' "${named:-$python}"
  else
    printf 'remotekit-named-env %s\n' "${named:-$environment}"
  fi
} >&3
printf '%s\n' "${kit:-$missing}"
)

{ set -- "$(search "$@" 3>&4)" "$@"; } 4>&1
case $1 in
  /*) ;;
  *) exit "$1" ;;
esac
remotekit_found=$1
shift 5
set -- "$remotekit_found" "$@"
unset remotekit_found
exec "$@"
