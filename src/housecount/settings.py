"""Django's settings, made from the environment.

The flow: a command calls `housecount.installation.database.ready()`, which starts the embedded server if it
is needed and makes missing keys, and then `django.setup()`, which imports this module. The module itself
reads variables and key files; it starts nothing and connects to nothing, so tools may import it at any time.
"""

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from housecount.installation import database, environment, logs
from housecount.installation.errors import BadSetting

_ENVIRONMENT = environment.load()
BASE_DIR = Path(__file__).resolve().parent

# Only a tool that runs before the first start finds no key; it signs nothing that outlives it.
SECRET_KEY = _ENVIRONMENT.secret_key or secrets.token_urlsafe(50)
DEBUG = False
ALLOWED_HOSTS = list(_ENVIRONMENT.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # Before allauth: its pages wear our templates.
    "housecount.tenancy",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "procrastinate.contrib.django",
    "housecount.box_office",
    "housecount.sync",
    "housecount.intake",
    "housecount.invoices",
    "housecount.live",
    "housecount.xero",
    "housecount.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "housecount.web.middleware.PageSecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "housecount.tenancy.middleware.TenancyMiddleware",
    "housecount.web.live.CursorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "housecount.urls"
WSGI_APPLICATION = "housecount.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "housecount.web.context.frame",
            ],
        },
    },
]

# --- Data ---------------------------------------------------------------------------------------------
DATABASES = {"default": database.settings()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    # In the database, so that limits hold across processes.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "housecount_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
PROCRASTINATE_IMPORT_PATHS: list[str] = []

# --- Sign-in ------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "housecount.tenancy.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "housecount.tenancy.sign_in_forms.LoginForm",
    "reset_password": "housecount.tenancy.sign_in_forms.ResetPasswordForm",
    "reset_password_from_key": "housecount.tenancy.sign_in_forms.ResetPasswordKeyForm",
    "change_password": "housecount.tenancy.sign_in_forms.ChangePasswordForm",
    "reauthenticate": "housecount.tenancy.sign_in_forms.ReauthenticateForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_EMAIL_VERIFICATION = "none"  # people come by invitation, which went to their address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers get no mail from us
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Housecount: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if _ENVIRONMENT.secure else "http"
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/m/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "invitation": "20/m/ip",
    "invite": "30/h/user",
}
MFA_ADAPTER = "housecount.tenancy.adapter.SecondFactorAdapter"
MFA_TOTP_ISSUER = "Housecount"
MFA_TOTP_TOLERANCE = 1  # a telephone's clock that is half a minute off is no reason to stay outside
MFA_ALLOW_UNVERIFIED_EMAIL = True  # see ACCOUNT_EMAIL_VERIFICATION
# Limits count by the address that the outermost trusted proxy saw; the edge, where it stands before the pages, is one.
ALLAUTH_TRUSTED_PROXY_COUNT = _ENVIRONMENT.proxies + (1 if os.environ.get("HOUSECOUNT_PAGES") else 0)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

SESSION_ENGINE = "housecount.tenancy.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _ENVIRONMENT.secure
SESSION_COOKIE_NAME = "__Host-housecount" if _ENVIRONMENT.secure else "housecount"
CSRF_COOKIE_SECURE = _ENVIRONMENT.secure
CSRF_COOKIE_NAME = "__Host-housecount-csrf" if _ENVIRONMENT.secure else "csrftoken"
CSRF_COOKIE_HTTPONLY = True  # pages hold the token themselves; no script reads the cookie
CSRF_TRUSTED_ORIGINS = (
    [f"{urlsplit(_ENVIRONMENT.public_url).scheme}://{urlsplit(_ENVIRONMENT.public_url).netloc}"]
    if _ENVIRONMENT.public_url
    else []
)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _ENVIRONMENT.secure else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _ENVIRONMENT.secure else 0
X_FRAME_OPTIONS = "DENY"

# --- Words, times, files ------------------------------------------------------------------------------
LANGUAGE_CODE = "en-au"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# The files are read where they are installed: there is no collecting step, and no STATIC_ROOT.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- Mail ---------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = _ENVIRONMENT.email_from
SERVER_EMAIL = _ENVIRONMENT.email_from
if _ENVIRONMENT.email_url is None:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
else:
    try:
        _mail = urlsplit(_ENVIRONMENT.email_url)
        EMAIL_PORT = _mail.port or {"smtps": 465, "smtp+starttls": 587}.get(_mail.scheme, 25)
    except ValueError:
        raise BadSetting("HOUSECOUNT_EMAIL_URL has a port that is not a number.") from None
    if _mail.scheme not in {"smtp", "smtps", "smtp+starttls"} or not _mail.hostname:
        raise BadSetting(
            "HOUSECOUNT_EMAIL_URL must look like smtp+starttls://user:password@mail.example.org:587 "
            "(or smtps://, or smtp:// without encryption)."
        )
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = _mail.scheme == "smtp+starttls"
    EMAIL_TIMEOUT = 20

LOGGING = logs.settings(_ENVIRONMENT.home)
