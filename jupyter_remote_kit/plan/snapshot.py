"""The environment file of a service: what kernels need of the shell in which it was installed, and no secret.

A service starts with next to no environment, so that a kernel would find neither CUDA nor the conda environment. What is taken is
named here rather than left out by name: a shell holds much that is bound to its session (`SSH_AUTH_SOCK`, `DISPLAY`) or is private.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType

from jupyter_remote_kit.plan.launch import PATH_SEPARATOR

# Beginnings of names, each a family of one maker or tool.
_FAMILIES = (
    "CUDA", "CUDNN_", "CUBLAS_", "CUPY_", "NCCL_", "NVIDIA_", "NVTE_", "NVCC_", "NVHPC", "NVSHMEM_", "TENSORRT_", "NUMBA_", "TRITON_",
    "ROCM_", "ROCR_", "HIP_", "HSA_", "MIOPEN_", "ONEAPI_", "SYCL_", "ZE_", "XPU_", "ASCEND_", "HABANA_", "NEURON_", "TPU_",
    "XLA_", "JAX_", "TF_", "TFDS_", "TFHUB_", "TORCH", "PYTORCH_", "KERAS_", "PADDLE_",
    "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "SENTENCE_TRANSFORMERS_", "TOKENIZERS_", "DATASETS_", "DIFFUSERS_", "ACCELERATE_", "BNB_",
    "MODELSCOPE_", "VLLM_", "OLLAMA_", "RAY_", "DASK_", "WANDB_", "MLFLOW_", "NLTK_", "KAGGLEHUB_",
    "RMM_", "CUDF_", "POLARS_", "ARROW_", "GDAL_", "PROJ_", "CPL_", "UDUNITS",
    "CONDA", "_CONDA_", "_CE_", "MAMBA_", "PIXI_", "PYENV_", "PYTHON", "PIP_", "UV_", "POETRY_", "JUPYTER_", "MPL", "NUMEXPR_",
    "OMP_", "GOMP_", "KMP_", "MKL", "OPENBLAS_", "BLIS_", "VECLIB_", "TBB", "OMPI_", "MPI_", "I_MPI_", "UCX_", "FI_", "PMIX_",
    "R_", "JULIA_", "JAVA_", "SPARK_", "HADOOP_", "LMOD_", "MODULE", "SLURM_CONF", "SPACK_", "EASYBUILD_", "EBROOT",
    "EBVERSION", "CMAKE_", "CCACHE_", "LC_",
)  # fmt: skip
_NAMES = frozenset({
    "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LIBRARY_PATH", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "PKG_CONFIG_PATH",
    "CC", "CXX", "FC", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAX_JOBS", "MANPATH", "INFOPATH", "VIRTUAL_ENV", "IPYTHONDIR",
    "LOADEDMODULES", "_LMFILES_", "XML_CATALOG_FILES", "GSETTINGS_SCHEMA_DIR", "TMPDIR", "TZ", "LANG", "LANGUAGE", "EDITOR", "VISUAL",
    "MALLOC_ARENA_MAX", "SCIKIT_LEARN_DATA", "SEABORN_DATA", "GENSIM_DATA_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_DIRS",
    "DOCKER_HOST", "CONTAINER_HOST",
})  # fmt: skip
# Of the session that the shell belongs to; `service status` of a shell within JupyterLab must not call them a difference either.
_OF_A_SESSION = re.compile(
    r"(?:SSH|GPG|DBUS|SUDO|XDG_SESSION|XAUTH|TMUX|TERM|VSCODE|DISPLAY|WAYLAND)[A-Z_]*\Z|(?:OLD)?PWD\Z"
    r"|JPY_|JUPYTERHUB_|JUPYTER_SERVER_(?:ROOT|URL)\Z|MPLBACKEND\Z"
)
_SECRET_NAME = re.compile(
    r"(?:\A|_)(?:PASS|PASSCODE|PW|PWD|PAT|JWT|BEARER|CREDENTIALS?|CREDS?|AUTH|AUTHORIZATION|COOKIES?|(?<!PUBLIC_)KEYS?|DSN"
    r"|CONN(?:ECTION)?_(?:STR|STRING)|WEBHOOK(?:_URL)?|ACCESS_KEY_ID)(?:_(?:B64|BASE64|JSON|STRING|VALUE))?\Z"
    # `TOKENIZERS_PARALLELISM` is none.
    r"|TOKEN(?!I[SZ])|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|USERPWD\Z",
    re.IGNORECASE,
)
# What a name with such a word in it may say of the secret; the value is then judged alone.
_ABOUT_A_SECRET = re.compile(
    r"(?<!WEBHOOK)_(?:URL|URI|ENDPOINT|PATH|FILE|DIR|NAME|TYPE|TTL|TIMEOUT|HEADER|PROVIDER|LIMIT|LENGTH|MODE)\Z", re.IGNORECASE
)
# A switch such as `HF_HUB_DISABLE_IMPLICIT_TOKEN=1`, or a number of tokens.
_SWITCH = re.compile(r"(?:0|1|true|false|yes|no|on|off)?\Z", re.IGNORECASE)
_COUNT = re.compile(r"TOKENS\Z", re.IGNORECASE)
_SECRET_VALUE = re.compile("|".join((
    # `scheme://user:password@host`, and a token in place of both.
    r"://[^/?#\s:@]*:[^/?#\s@]*@|\bhttps?://[^/?#\s@]+@",
    # The same with a password in which a slash was not quoted; what follows the colon is no port. `git+ssh://host:folder/x@v1` is none.
    # A bound, since a long value would otherwise be searched again from each `://` in it: 128 KiB took a minute and a half.
    r"(?<!ssh)://[^/?#\s:@,;\[]{1,200}:(?!\d+(?:[/?#,;\s]|\Z))\S{,200}@",
    # `https://host/t/TOKEN/channel`, which conda itself reads so (conda/common/url.py, `split_anaconda_token`).
    r"://[^\s,]{,200}/t/(?:[\w-]+/|(?=[\w-]*\d)[\w-]{8})",
    # In a query, a connection string, JSON.
    r"[?&](?:[\w-]*(?:token|passwd|password|secret|signature|api_?key)|key|sig|auth)=",
    r"\b(?:AccountKey|SharedAccessKey|Password|Pwd)=|;\s*PWD=",
    r"[\"'][\w-]*(?:token|passwd|password|secret|api_?key)[\"']\s*:\s*[\"'][^\"']",
    # Options of programs, `-Dhttp.proxyPassword=…` and `-var password=…`; what the shell would have put there is not there yet, and a
    # switch or a number is none.
    r"(?i:password|passwd|passphrase|secret|token|(?:api|access|secret)[._-]?key)=(?!\$[({])(?!(?i:true|false|yes|no|on|off|\d)(?![^\s,;\"']))"
    r"[^\s,;&]",
    r"(?<!\S)--?(?:[\w.-]*[._-])?(?i:password|passwd|token|secret|api-key)\s+[^\s-]",
    # Headers, in JSON as well.
    r"(?<![\w-])(?i:(?:proxy-)?authorization|(?:set-)?cookie|[\w-]+-(?:token|secret|(?:api-?|access-?|subscription-?)key))"
    r"[\"']?\s*:\s*[\"']?[^\s\"',}]",
    # What well-known makers begin their keys with. Long, and without the words that the name of a folder or an index has, such as
    # `hf_models_of_the_lab` and `pypi-internal-proxy`.
    r"(?<![\w-])(?:hf_|gh[oprsu]_|npm_|gsk_|r8_|sk-|sk_live_|wandb_v1_)[A-Za-z0-9]{20}",
    r"(?<![\w-])(?:sk-(?:proj|ant|or|svcacct|admin)-|github_pat_|glpat-|nvapi-|dckr_pat_|pypi-AgE)[A-Za-z0-9_-]{16}",
    r"(?<![\w-])(?:xox[abeprs]-[A-Za-z0-9-]{10}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30}|eyJ[A-Za-z0-9_-]{12})",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
)))  # fmt: skip
# A folder or a file of a secret is none.
_PATH_VALUE = re.compile(r"/[^\s:@?]*\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# What systemd writes such a file with itself (`write_env_var`).
_ESCAPED = re.compile(r'["\\`$]')
# Where Jupyter keeps its files where no variable of its own says so (jupyter_core/paths.py, platformdirs).
_HOMES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME")
_NONE: Mapping[str, str] = MappingProxyType({})
_ASSIGNMENT = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)
_ALSO = "# Also: "
_HEADER = """# Written by jupyter-remote-kit: the environment of a service, taken from the shell in which it was installed.
# `jupyter remotekit service install` in another shell takes that one's. Variables that look like secrets are not in it.
"""


@dataclass(frozen=True)
class Snapshot:
    """`variables` are what the service gets. `secrets` are the names of those that look like secrets, `unfit` of those that the file
    cannot say (not UTF-8, control characters); `also` are names that were asked for beside the known ones.
    """

    variables: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def take(environ: Mapping[str, str], scripts: Path, also: Iterable[str] = (), folders: Mapping[str, str] = _NONE) -> Snapshot:
    """What a service needs of `environ`; `scripts` is the folder of the environment's programs, which comes first on its PATH.

    `folders` are Jupyter's, by the variables that name them, absolute: in the place of those that are relative in `environ`.
    """
    wanted = tuple(sorted(set(also)))
    found = {**environ, **_settled(environ, folders), "PATH": path_with(scripts, environ.get("PATH", ""))}
    known = {
        name: value for name, value in sorted(found.items()) if _NAME.match(name) and (name in wanted or not _OF_A_SESSION.match(name))
    }
    secrets = tuple(name for name, value in known.items() if looks_secret(name, value))
    taken = {name: value for name, value in known.items() if name not in secrets and (_is_known(name) or name in wanted)}
    unfit = tuple(name for name, value in taken.items() if not _fits(value))
    return Snapshot({name: value for name, value in taken.items() if name not in unfit}, secrets, unfit, wanted)


def _settled(environ: Mapping[str, str], folders: Mapping[str, str]) -> Mapping[str, str]:
    """Those of `folders` that a relative path leads to, which the service would look for below its own working directory.

    Of a relative path the server would find neither its instance nor its certificates. An absolute one stays as it is written: it may
    be a link. Other variables that name a folder (`HF_HOME`, `IPYTHONDIR`, …) stay relative: they are read by kernels and what those
    start, from the folder of the notebook, whoever has started the server; no folder of the shell's was ever meant there.
    """
    if any(_is_relative(environ.get(name, "")) for name in _HOMES):
        return {name: folder for name, folder in folders.items() if not environ.get(name, "").startswith("/")}
    return {name: folder for name, folder in folders.items() if _is_relative(environ.get(name, ""))}


def _is_relative(path: str) -> bool:
    return path != "" and not path.startswith("/")


def path_with(scripts: Path, path: str) -> str:
    """A PATH on which the environment's own programs come first, and each folder once.

    Relative folders would be others in the service, and one that no file can hold would take all of PATH with it.
    """
    entries = (entry for entry in path.split(PATH_SEPARATOR) if entry.startswith("/") and _fits(entry))
    return PATH_SEPARATOR.join(dict.fromkeys((str(scripts), *entries)))


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable seems to hold a secret: by its name, or by what is in it."""
    if _SECRET_VALUE.search(value) or (_is_proxy(name) and "@" in value):
        return True
    if not _SECRET_NAME.search(name) or _ABOUT_A_SECRET.search(name):
        return False
    return not (_SWITCH.match(value) or _PATH_VALUE.match(value) or (_COUNT.search(name) and value.isdecimal()))


def render(snapshot: Snapshot) -> str:
    """The file, as systemd reads it: no variable and no specifier is expanded in it (systemd.exec(5), `EnvironmentFile=`)."""
    also = f"{_ALSO}{' '.join(snapshot.also)}\n" if snapshot.also else ""
    return _HEADER + also + "".join(f'{name}="{_ESCAPED.sub(_backslashed, value)}"\n' for name, value in sorted(snapshot.variables.items()))


def parse(content: bytes | None) -> Snapshot:
    """What a file of ours says; of anything else as much as can be read."""
    text = (content or b"").decode(errors="replace")
    head = takewhile(lambda line: line.startswith("#"), text.split("\n"))
    also = next((line[len(_ALSO) :].split() for line in head if line.startswith(_ALSO)), [])
    return Snapshot({name: re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for name, value in _ASSIGNMENT.findall(text)}, also=tuple(also))


def differences(service: Mapping[str, str], shell: Snapshot) -> tuple[str, ...]:
    """The names of what the shell would give a service, and the service has otherwise; PATH by its folders, whatever their order."""
    ours = {name for name in service if name in shell.also or (_is_known(name) and not _OF_A_SESSION.match(name))}
    names = sorted({*shell.variables, *ours})
    return tuple(name for name in names if _comparable(name, service.get(name)) != _comparable(name, shell.variables.get(name)))


def _comparable(name: str, value: str | None) -> object:
    return frozenset(value.split(PATH_SEPARATOR)) if name == "PATH" and value is not None else value


def _is_known(name: str) -> bool:
    return name in _NAMES or _is_proxy(name) or name.startswith(_FAMILIES)


def _is_proxy(name: str) -> bool:
    # Spelt in either case.
    return name.upper().endswith("_PROXY")


def _fits(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return not _CONTROL.search(value)


def _backslashed(match: re.Match[str]) -> str:
    return f"\\{match[0]}"
