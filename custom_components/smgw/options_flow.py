"""Options: how often to read, what makes sense for this gateway now, and what harms it; the home.

What concerns the home under control has steps of its own, in `home_options`.
"""

from typing import Any

import probatio

from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
)

from .const import (
    CONF_INTERVAL,
    CONF_LOG_READING,
    CONF_SESSIONS,
    LONGEST_INTERVAL,
    MOST_SESSIONS,
    SUBENTRY_LOGIN,
)
from .han.driver import VENDORS, Vendor
from .home_options import HomeOptionSteps
from .log_pace import LogPace
from .models import GatewayConfig, SmgwConfigEntry
from .pace import Pace
from .price_options import PriceOptionSteps
from .schedule import DAY, MINUTE
from .signer_options import SignerOptionSteps

TOPICS = (
    "reading",
    "log",
    "prices",
    "measured",
    "executor",
    "executors",
    "powers",
    "laboratory",
    "signer",
)

# What the form reckons up, besides the present number of sessions.
_EXAMPLES = (4, 6, 12)


class SmgwOptionsFlow(
    HomeOptionSteps, SignerOptionSteps, PriceOptionSteps, OptionsFlow
):
    """Asks for the interval and, where a gateway keeps sessions, for their number."""

    config_entry: SmgwConfigEntry
    _chosen: dict[str, Any]

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what it is about."""
        return self.async_show_menu(step_id="init", menu_options=TOPICS)

    async def async_step_reading(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the form that fits the gateway."""
        if self._vendor.per_hour is not None:
            return await self.async_step_sessions()
        if self._live:
            return await self.async_step_live()
        return await self.async_step_not_live()

    async def async_step_sessions(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for interval and sessions; more of them have to be confirmed."""
        usual = self._vendor.per_hour or 0
        if user_input is not None:
            self._chosen = _minutes(user_input)
            sessions = int(user_input[CONF_SESSIONS])
            if sessions != usual:
                # The usual number may become another one.
                self._chosen[CONF_SESSIONS] = sessions
            if sessions > max(usual, self._pace().allowance.per_hour or 0):
                return await self.async_step_more_sessions()
            return self._keep_reading(self._chosen)
        pace = self._pace()
        return self._form(
            "sessions",
            _sessions_schema(pace),
            usual=str(usual),
            logins=str(self._logins),
            sessions=str(pace.allowance.per_hour),
            each=_text(pace, self._logins),
            examples=", ".join(
                f"{sessions} → {_text(self._pace({CONF_SESSIONS: sessions}), self._logins)}"
                for sessions in _EXAMPLES
            ),
        )

    async def async_step_more_sessions(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what more sessions bring, and what they risk."""
        if user_input is not None:
            return self._keep_reading(self._chosen)
        before, after = self._pace(), self._pace(self._chosen)
        return self._form(
            "more_sessions",
            probatio.Schema({}),
            sessions=str(after.allowance.per_hour),
            spacing=f"{after.allowance.floor / MINUTE:g}",
            logins=str(self._logins),
            before=_text(before, self._logins),
            each=_text(after, self._logins),
        )

    async def async_step_live(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the interval of a gateway with values of this moment."""
        if user_input is not None:
            return self._keep_reading(_minutes(user_input))
        pace = self._pace()
        return self._form(
            "live",
            _interval_schema(pace),
            logins=str(self._logins),
            each=_text(pace, self._logins),
        )

    async def async_step_not_live(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the interval of one that could have them, and has none now."""
        if user_input is not None:
            return self._keep_reading(_minutes(user_input))
        pace = self._pace()
        return self._form(
            "not_live",
            _interval_schema(pace),
            logins=str(self._logins),
            each=_text(pace, self._logins),
        )

    async def async_step_log(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how often the consumer log is read; more than usual has to be confirmed."""
        if user_input is not None:
            self._chosen = user_input
            loads = LogPace.of(user_input).loads
            if loads and not LogPace.of(self.config_entry.options).loads:
                return await self.async_step_more_log()
            return self._keep_log()
        present = {CONF_LOG_READING: LogPace.of(self.config_entry.options)}
        return self.async_show_form(
            step_id="log",
            data_schema=self.add_suggested_values_to_schema(_LOG_SCHEMA, present),
            description_placeholders={
                "logins": str(self._logins),
                "each": _text(self._pace(), self._logins),
            },
        )

    async def async_step_more_log(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show what it costs the gateway and its log to be asked that often."""
        if self._vendor.per_hour is None:
            return await self.async_step_more_log_requests(user_input)
        if user_input is not None:
            return self._keep_log()
        return self._form(
            "more_log",
            probatio.Schema({}),
            logins=str(self._logins),
            times=self._log_readings(),
        )

    async def async_step_more_log_requests(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the same for a gateway without sessions."""
        if user_input is not None:
            return self._keep_log()
        return self._form(
            "more_log_requests",
            probatio.Schema({}),
            logins=str(self._logins),
            times=self._log_readings(),
        )

    def _log_readings(self) -> str:
        """Return how often a day the log is read, all logins together."""
        interval = LogPace.of(self._chosen).interval or DAY
        each = max(interval, self._pace().each(self._logins))
        return str(round(self._logins * DAY / each))

    def _keep_log(self) -> ConfigFlowResult:
        """Keep what was chosen about the log, and all else."""
        return self.async_create_entry(
            data={**self.config_entry.options, **self._chosen}
        )

    @property
    def _vendor(self) -> Vendor:
        return VENDORS[GatewayConfig.of(self.config_entry).vendor]

    @property
    def _live(self) -> bool:
        loaded = self.config_entry.state is ConfigEntryState.LOADED
        return loaded and self.config_entry.runtime_data.coordinator.logins.live

    @property
    def _logins(self) -> int:
        return len(list(self.config_entry.get_subentries_of_type(SUBENTRY_LOGIN)))

    def _pace(self, changes: dict[str, Any] | None = None) -> Pace:
        options = {**self.config_entry.options, **(changes or {})}
        return Pace.of(self._vendor, options, live=self._live)

    def _keep_reading(self, chosen: dict[str, Any]) -> ConfigFlowResult:
        """Keep what was chosen about reading, and all that is not about it."""
        others = {
            name: value
            for name, value in self.config_entry.options.items()
            if name not in (CONF_INTERVAL, CONF_SESSIONS)
        }
        return self.async_create_entry(data=others | chosen)

    def _form(
        self,
        step_id: str,
        schema: probatio.Schema,
        **placeholders: str,
    ) -> ConfigFlowResult:
        """Show a form with the present pace in its fields."""
        pace = self._pace()
        present = {
            CONF_INTERVAL: pace.interval / MINUTE,
            CONF_SESSIONS: pace.allowance.per_hour,
        }
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, present),
            description_placeholders=placeholders,
        )


_LOG_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_LOG_READING): SelectSelector(
            SelectSelectorConfig(
                options=list(LogPace), translation_key=CONF_LOG_READING
            )
        )
    }
)


def _interval_schema(pace: Pace) -> probatio.Schema:
    """Return the field of the interval."""
    selector = NumberSelector(
        NumberSelectorConfig(
            min=pace.floor / MINUTE,
            max=LONGEST_INTERVAL / MINUTE,
            step=1,
            unit_of_measurement="min",
            mode=NumberSelectorMode.BOX,
        )
    )
    return probatio.Schema({probatio.Required(CONF_INTERVAL): selector})


def _sessions_schema(pace: Pace) -> probatio.Schema:
    """Return the fields of interval and sessions."""
    selector = NumberSelector(
        NumberSelectorConfig(
            min=1, max=MOST_SESSIONS, step=1, mode=NumberSelectorMode.SLIDER
        )
    )
    return _interval_schema(pace).extend({probatio.Required(CONF_SESSIONS): selector})


def _minutes(user_input: dict[str, Any]) -> dict[str, Any]:
    """Return the interval as it is stored."""
    return {CONF_INTERVAL: int(user_input[CONF_INTERVAL])}


def _text(pace: Pace, logins: int) -> str:
    """Return how often each of so many logins is read, in minutes."""
    return f"{round(pace.each(logins) / MINUTE)} min"
