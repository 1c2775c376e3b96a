using System.Collections.Frozen;

namespace TestGrid.Core.Config.Schema;

/// <summary>Whom <c>notifications</c> tells, and when.</summary>
internal static class NotificationShapes
{
    private const string Common = " if on_success:frequency on_failure:frequency enabled:bool disabled:bool";

    private static readonly (string Name, string Alias, string Prefix, string Keys)[] Targets =
    [
        ("campfire", "", "rooms", "rooms:secrets template:texts"),
        ("email", "emails", "recipients", "recipients:secrets"),
        ("flowdock", "", "api_token", "api_token:secret template:texts"),
        ("hipchat", "", "rooms", "rooms:secrets format:format notify:bool on_pull_requests:bool template:texts"),
        (
            "irc",
            "",
            "channels",
            "channels|channel:secrets channel_key:secret password:secret nickserv_password:secret nick:secret"
                + " use_notice:bool skip_join:bool template:texts"
        ),
        ("pushover", "", "", "api_key:secrets users:secrets template:texts"),
        ("slack", "", "rooms", "rooms:secrets template:texts on_pull_requests:bool"),
        ("webhooks", "webhook", "urls", "urls:secrets on_start:frequency on_cancel:frequency on_error:frequency"),
    ];

    public static Shape All()
    {
        var frequency = new TextShape
        {
            Values = new ValueTable(
                ["always", "never", "change"],
                ValueTable.Map("true>always", "false>never", "changed>change")
            ),
        };
        var keys = Targets.ToDictionary(
            target => target.Name,
            target => (Shape)ShapeText.ListOf(Target(target.Prefix, target.Keys, frequency))
        );
        keys["on_success"] = frequency;
        keys["on_failure"] = frequency;
        return new MapShape
        {
            Keys = keys.ToFrozenDictionary(),
            Aliases = Targets
                .Where(target => target.Alias.Length > 0)
                .ToFrozenDictionary(target => target.Alias, target => target.Name),
            Prefix = "email",
            Inherited = ["on_success", "on_failure"],
            IsNormal = true,
        };
    }

    private static AnyShape Target(string prefix, string keys, Shape frequency)
    {
        var format = new TextShape { Values = ValueTable.Of("html", "text") };
        return new AnyShape([
            new MapShape
            {
                Keys = ShapeText.Keys(keys + Common, ("frequency", frequency), ("format", format)).ToFrozenDictionary(),
                Aliases = ShapeText.Aliases(keys + Common),
                Prefix = prefix.Length == 0 ? null : prefix,
                IsSwitch = true,
                IsNormal = true,
            },
        ]);
    }
}
