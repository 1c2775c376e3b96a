using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Core.Text;
using TestGrid.Runner;
using TestGrid.Runner.Link;
using TestGrid.Runner.Queues;

namespace TestGrid.Cli.Diagnosis;

/// <summary>
/// On a runner's machine: is its server reached, is its token accepted, do both clocks and both versions agree. It asks
/// one question that changes nothing: no runner is entered by it.
/// </summary>
internal static class ServerCheck
{
    public const string Part = "server";

    /// <summary>Times in logs and leases are the server's; beyond this a reader of both is misled.</summary>
    private static readonly TimeSpan SkewMax = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        Connection? server = null;
        string? refused = null;
        try
        {
            server = ground.RunnerOf!();
        }
        catch (CommandException e)
        {
            refused = e.Message;
        }
        if (server is null)
        {
            yield return Broken("token", refused!, NewToken);
            yield break;
        }
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        using var http = new HttpClient(handler) { BaseAddress = server.Url, Timeout = Patience };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", server.Token);
        var (answer, unreached) = await AskAsync(http, server.Url, stop);
        if (answer is null)
        {
            yield return unreached!;
            yield break;
        }
        using (answer)
        {
            foreach (var finding in await ReadAsync(ground, server.Url, answer, stop))
                yield return finding;
        }
    }

    private static string NewToken =>
        "testgrid runner token create NAME > FILE   # where the server is; bring FILE here, and say --token-file FILE";

    private static async Task<(HttpResponseMessage? Answer, Finding? Unreached)> AskAsync(
        HttpClient http,
        Uri url,
        CancellationToken stop
    )
    {
        var (host, alive) = (Bash.Word(url.Host), Bash.Word(new Uri(url, "/livez").ToString()));
        try
        {
            return (await http.GetAsync("/api/v1/runner/server", stop), null);
        }
        catch (HttpRequestException e)
        {
            var remedy = e.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError =>
                    $"getent hosts {host}   # finds nothing: mend the name in --server, or in /etc/hosts or DNS",
                HttpRequestError.SecureConnectionError =>
                    $"curl -sS {alive}   # says why; an authority of your own: /usr/local/share/ca-certificates/NAME.crt, "
                        + "then update-ca-certificates",
                _ => $"curl -sS {alive}   # from here, until it says ok: is the server up there (testgrid health), and "
                    + "what is in between?",
            };
            return (null, Broken($"{url}", e.GetBaseException().Message, remedy));
        }
        catch (TaskCanceledException) when (!stop.IsCancellationRequested)
        {
            return (
                null,
                Broken(
                    $"{url}",
                    $"no answer within {Patience.TotalSeconds:0} s",
                    $"curl -sS -m 60 {alive}   # from here"
                )
            );
        }
    }

    private static async Task<List<Finding>> ReadAsync(
        Ground ground,
        Uri url,
        HttpResponseMessage answer,
        CancellationToken stop
    )
    {
        var found = new List<Finding> { Reached(url) };
        if (answer.Headers.Date is { } theirs)
            found.Add(Clock(theirs - TimeProvider.System.GetUtcNow()));
        if (answer.StatusCode is HttpStatusCode.OK)
        {
            if (await ReplyAsync(answer, stop) is not { } reply)
                return
                [
                    Broken($"{url}", "what answers is no TestGrid server", $"curl -sS {url}version   # who is it?"),
                ];
            found.Add(Finding.Ok(Part, "token", "it is accepted"));
            found.Add(Version(reply.Version));
            if (QueueAddress.Of(ground.Queue).ObjectionTo(reply) is { } why)
                found.Add(Broken("queue", $"{url} is no server for this: {why}", "testgrid runner without --queue"));
            return found;
        }
        found.Add(
            answer.StatusCode switch
            {
                HttpStatusCode.Unauthorized => Broken(
                    "token",
                    "the server does not know it, or it was revoked",
                    NewToken
                ),
                HttpStatusCode.Forbidden => Broken(
                    "token",
                    await SaidAsync(answer, stop),
                    $"--server https://{url.Host}   # with a proxy that has a certificate before the server"
                ),
                HttpStatusCode.NotFound => Broken(
                    "version",
                    "it is an older TestGrid, or none",
                    $"curl -sS {url}version   # shows which; install {MachineOffer.Version} there"
                ),
                var other => Broken(
                    $"{url}",
                    $"it answers {(int)other}",
                    $"curl -sS {url}readyz   # says what is wrong"
                ),
            }
        );
        return found;
    }

    private static Finding Reached(Uri url) =>
        url.Scheme is "https" || url.IsLoopback
            ? Finding.Ok(Part, $"{url}", "it answers")
            : new Finding(
                Part,
                $"{url}",
                FindingLevel.Warning,
                "it answers, over plain http: whoever listens in between reads the token and the jobs' secrets",
                $"--server https://{url.Host}   # with a proxy that has a certificate before the server"
            );

    // The server's is told in whole seconds.
    private static Finding Clock(TimeSpan ahead) =>
        ahead.Duration() <= SkewMax
            ? Finding.Ok(Part, "clock", $"within {Math.Ceiling(ahead.Duration().TotalSeconds) + 1:0} s of the server's")
            : new Finding(
                Part,
                "clock",
                FindingLevel.Warning,
                $"the server's is {ahead.Duration().TotalSeconds:0} s {(ahead > TimeSpan.Zero ? "ahead" : "behind")}: "
                    + "times in logs mislead, and certificates may seem out of date",
                "timedatectl set-ntp true   # here and on the server; timedatectl says which is wrong"
            );

    private static Finding Version(string theirs)
    {
        const string What = "version";
        var ours = MachineOffer.Version;
        return theirs == ours
            ? Finding.Ok(Part, What, $"both are {ours}")
            : new Finding(
                Part,
                What,
                FindingLevel.Warning,
                $"the server is {theirs}, this machine {ours}: their protocol is one version's alone",
                System.Version.TryParse(theirs, out var a) && System.Version.TryParse(ours, out var b) && a < b
                    ? $"install {ours} on the server"
                    : $"install {theirs} here"
            );
    }

    private static async Task<HelloReply?> ReplyAsync(HttpResponseMessage answer, CancellationToken stop)
    {
        try
        {
            return await answer.Content.ReadFromJsonAsync(HelloJson.Default.HelloReply, stop);
        }
        catch (JsonException)
        {
            return null; // something between us and the server answered, or another server
        }
    }

    private static async Task<string> SaidAsync(HttpResponseMessage answer, CancellationToken stop)
    {
        try
        {
            var said = await answer.Content.ReadFromJsonAsync<JsonElement>(stop);
            return said.GetProperty("title").GetString() ?? "it is forbidden";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return "it is forbidden";
        }
    }

    private static Finding Broken(string what, string detail, string remedy) =>
        new(Part, what, FindingLevel.Failure, detail, remedy);
}
