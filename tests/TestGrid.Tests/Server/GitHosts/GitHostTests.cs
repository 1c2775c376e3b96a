using System.Text;
using TestGrid.Server.GitHosts;
using TestGrid.Server.GitHosts.Generic;
using TestGrid.Server.GitHosts.GitHub;
using TestGrid.Tests.Contracts;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Server.Webhooks;

namespace TestGrid.Tests.Server.GitHosts;

public sealed class GitHubHostTests : GitHostContract
{
    protected override IGitHost Host { get; } = new GitHubHost();

    protected override byte[] Push { get; } = WebhookTests.Push();

    protected override Dictionary<string, string> Headers { get; } = new() { ["X-GitHub-Event"] = "push" };

    protected override string Sign(byte[] body) => Signature.Of(body, Secret);
}

public sealed class GenericHostTests : GitHostContract
{
    protected override IGitHost Host { get; } = new GenericHost();

    protected override byte[] Push { get; } =
        Encoding.UTF8.GetBytes($$"""{"repository": "us/them", "ref": "refs/heads/main", "sha": "{{Some.Sha}}"}""");

    protected override Dictionary<string, string> Headers { get; } = [];

    protected override string Sign(byte[] body) => Signature.Of(body, Secret);
}
