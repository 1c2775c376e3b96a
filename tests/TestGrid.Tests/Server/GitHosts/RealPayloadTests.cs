using System.Text.Json;
using TestGrid.Core.Builds;
using TestGrid.Server.GitHosts;
using TestGrid.Server.GitHosts.GitHub;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.GitHosts;

/// <summary>Payloads that GitHub really sent, as other projects keep them.</summary>
public sealed class RealPayloadTests
{
    private const string Secret = "topsecret";
    private readonly GitHubHost host = new();

    [Fact]
    public void Recorded_signatures_are_judged_as_recorded()
    {
        using var vectors = JsonDocument.Parse(
            File.ReadAllText(Corpora.Need("corpora/webhooks/signature_vectors.json"))
        );
        var judged = 0;
        foreach (var vector in vectors.RootElement.EnumerateArray())
        {
            var known =
                vector.TryGetProperty("body_file", out var file) && vector.TryGetProperty("expect", out var expect);
            if (!known || vector.GetProperty("algorithm").GetString() != "sha256")
                continue;
            var path = Path.Combine(Corpora.Root, "corpora", "webhooks", file.GetString()!);
            if (!File.Exists(path))
                continue; // some vectors were recorded without their body
            var body = File.ReadAllBytes(path);
            var value = vector.GetProperty("value").GetString()!;
            var header = value.StartsWith("sha256=", StringComparison.Ordinal) ? value : "sha256=" + value;
            var accept = vector.GetProperty("expect").GetString() == "accept";

            Assert.Equal(accept, Signature.IsRight(header, body, vector.GetProperty("secret").GetString()!));
            judged++;
        }
        Assert.True(judged > 20, $"only {judged} vectors");
    }

    [Theory]
    [InlineData("go-scm/github/push.json", "push", true)]
    [InlineData("go-scm/github/push_tag.json", "push", true)]
    [InlineData("go-scm/github/push_branch_delete.json", "push", false)]
    [InlineData("go-scm/github/push_tag_delete.json", "push", false)]
    [InlineData("go-playground/github/push.json", "push", null)]
    [InlineData("woodpecker/github/fixtures/HookPush.json", "push", null)]
    [InlineData("octokit/push.3.json", "push", null)]
    [InlineData("octokit/push.4.json", "push", null)]
    [InlineData("octokit/push.5.json", "push", null)]
    [InlineData("octokit/push.6.json", "push", null)]
    [InlineData("go-scm/github/pr_closed.json", "pull_request", false)]
    [InlineData("go-scm/github/pr_edited.json", "pull_request", false)]
    [InlineData("octokit/ping.3.json", "ping", false)]
    public void A_real_delivery_is_understood(string file, string @event, bool? builds)
    {
        var body = File.ReadAllBytes(Corpora.Need($"corpora/webhooks/{file}"));
        using var json = JsonDocument.Parse(body);

        var reading = Read(body, @event);

        Assert.IsNotType<WebhookReading.Unusable>(reading);
        Assert.IsNotType<WebhookReading.Refused>(reading);
        if (json.RootElement.TryGetProperty("repository", out var repository))
            Assert.Equal(repository.GetProperty("full_name").GetString(), host.Claims(Request(body, @event)));
        if (builds is not null)
            Assert.Equal(builds, reading is WebhookReading.Accepted);
        if (reading is WebhookReading.Accepted accepted)
        {
            var head = json.RootElement.GetProperty("head_commit");
            Assert.Equal(head.GetProperty("id").GetString(), accepted.Trigger.Commit.Sha);
            Assert.Equal(json.RootElement.GetProperty("ref").GetString(), accepted.Trigger.Commit.Ref);
            Assert.Equal(head.GetProperty("message").GetString(), accepted.Trigger.Commit.Message);
            Assert.True(accepted.Trigger.Kind is TriggerKind.Push or TriggerKind.Tag);
        }
    }

    [Theory]
    [InlineData("go-scm/github/pr_opened.json")]
    [InlineData("go-scm/github/pr_reopened.json")]
    [InlineData("octokit/pull_request.opened.3.json")]
    [InlineData("octokit/pull_request.reopened.json")]
    public void A_real_pull_request_is_understood(string file)
    {
        var body = File.ReadAllBytes(Corpora.Need($"corpora/webhooks/{file}"));
        using var json = JsonDocument.Parse(body);

        var accepted = Assert.IsType<WebhookReading.Accepted>(Read(body, "pull_request"));

        var pull = accepted.Trigger.PullRequest!;
        var (head, target) = (
            json.RootElement.GetProperty("pull_request").GetProperty("head"),
            json.RootElement.GetProperty("pull_request").GetProperty("base")
        );
        Assert.Equal(json.RootElement.GetProperty("number").GetInt32(), pull.Number);
        Assert.Equal(
            (head.GetProperty("sha").GetString(), head.GetProperty("ref").GetString()),
            (pull.HeadSha, pull.HeadBranch)
        );
        Assert.Equal(target.GetProperty("ref").GetString(), pull.BaseBranch);
        Assert.Equal(
            head.GetProperty("repo").GetProperty("full_name").GetString()
                != target.GetProperty("repo").GetProperty("full_name").GetString(),
            pull.IsFork
        );
        Assert.Equal(
            ($"refs/pull/{pull.Number}/merge", ""),
            (accepted.Trigger.Commit.Ref, accepted.Trigger.Commit.Sha)
        );
        Assert.Equal("pull_request", accepted.Trigger.EventType);
    }

    [Fact]
    public void Every_other_event_there_is_asks_for_no_build()
    {
        var files = Directory.GetFiles(Corpora.Need("corpora/webhooks/octokit"), "*.json");
        Assert.True(files.Length > 100);
        foreach (var file in files)
        {
            if (Path.GetFileName(file).Split('.') is not [var @event, .. var rest] || @event is "push")
                continue;
            if (@event is "pull_request" && rest[0] is "opened" or "reopened" or "synchronize")
                continue;
            Assert.IsType<WebhookReading.Ignored>(Read(File.ReadAllBytes(file), @event));
        }
    }

    private WebhookReading Read(byte[] body, string @event) => host.Read(Request(body, @event), Secret);

    private static HookRequest Request(byte[] body, string @event)
    {
        var headers = new Dictionary<string, string>
        {
            ["X-GitHub-Event"] = @event,
            ["X-Hub-Signature-256"] = Signature.Of(body, Secret),
        };
        return new HookRequest(headers.GetValueOrDefault, body);
    }
}
