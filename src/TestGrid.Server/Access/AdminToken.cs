using System.Text;
using Microsoft.Extensions.Hosting;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Access;

/// <summary>
/// Makes the token of the local command line at the first start, in a file that only the data folder's owner may read.
/// Should the file be lost, the next start makes another and revokes the old one.
/// </summary>
public sealed class AdminToken(DataFolder folder, AccessStore store) : IHostedService
{
    private const string Name = "admin (this machine)";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (File.Exists(folder.AdminTokenPath))
        {
            var known = await File.ReadAllTextAsync(folder.AdminTokenPath, cancellationToken);
            if (store.FindToken(known.Trim()) is not null)
                return;
        }
        foreach (var lost in store.Tokens().Where(token => token.Name == Name))
            await store.RevokeTokenAsync(lost.Id, cancellationToken);
        var (_, made) = await store.AddTokenAsync(Name, TokenScope.Full, cancellationToken);
        DataFolder.WriteSecret(folder.AdminTokenPath, Encoding.ASCII.GetBytes(made + "\n"));
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
