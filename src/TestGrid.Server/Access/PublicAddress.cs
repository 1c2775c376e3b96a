using System.Globalization;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace TestGrid.Server.Access;

/// <summary>Where people and git hosts reach this server: the operator's setting, else where it listens.</summary>
public sealed class PublicAddress(AccessOptions options, IServer server)
{
    /// <summary>Without a slash at its end.</summary>
    public string Url =>
        (options.PublicUrl is { Length: > 0 } given ? given : Listening ?? options.Listen).TrimEnd('/');

    public string OfBuild(long build) => string.Create(CultureInfo.InvariantCulture, $"{Url}/builds/{build}");

    public string OfHook(long repository) => string.Create(CultureInfo.InvariantCulture, $"{Url}/hooks/r/{repository}");

    public string OfSignIn(string code) => $"{Url}/signin/{code}";

    // The port is known only once it listens, when port 0 was asked for. «Every address» is no address to go to.
    private string? Listening =>
        server
            .Features.Get<IServerAddressesFeature>()
            ?.Addresses.FirstOrDefault()
            ?.Replace("//0.0.0.0", "//localhost", StringComparison.Ordinal)
            .Replace("//[::]", "//localhost", StringComparison.Ordinal);
}
