using System.ComponentModel.DataAnnotations;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RabbitMQ.Client;

namespace TestGrid.Runner.Queues.RabbitMq;

/// <summary>
/// Whom to believe that they are the broker: who shows a certificate with its name, signed by an authority of
/// <c>queue:caFile</c>, or of this machine where there is none. One for each connection.
/// </summary>
internal sealed class BrokerTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly BrokerAddress address;
    private readonly string? file;
    private readonly X509Certificate2Collection? authorities;

    private BrokerTrust(BrokerAddress address, string? file)
    {
        (this.address, this.file) = (address, file);
        authorities = address.Tls && file is not null ? Read(file) : null;
        Option = new SslOption
        {
            Enabled = address.Tls,
            ServerName = address.Host,
            CertificateValidationCallback = Accept,
        };
    }

    public SslOption Option { get; }

    /// <summary>Why the certificate was not accepted; the client itself says only that it was not.</summary>
    public QueueTrouble? Refused { get; private set; }

    public static BrokerTrust For(BrokerAddress address, QueueOptions options) =>
        new(address, options.CaFile is { Length: > 0 } file ? file : null);

    /// <exception cref="ValidationException">The file of authorities cannot be used, or is of no use.</exception>
    public static void Check(BrokerAddress address, QueueOptions options)
    {
        if (options.CaFile is not { Length: > 0 } file)
            return;
        if (!address.Tls)
            throw new ValidationException(
                "queue:caFile says whose certificates to believe, and amqp:// has none: the address begins with amqps://"
            );
        try
        {
            Read(file);
        }
        catch (QueueAwayException e)
        {
            throw new ValidationException(e.Message);
        }
    }

    private static X509Certificate2Collection Read(string file)
    {
        var read = new X509Certificate2Collection();
        try
        {
            read.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Useless(e.Message, BrokerRemedies.Unreadable(file));
        }
        catch (CryptographicException) { } // told below
        return read.Count > 0
            ? read
            : throw Useless(
                $"{file} holds no certificate in PEM form",
                $"openssl x509 -in {file} -noout -subject   # shows whose it is, once it is one"
            );
    }

    private static QueueAwayException Useless(string why, string remedy) =>
        new(new QueueTrouble($"the queue's file of authorities cannot be used: {why.TrimEnd('.')}", remedy));

    private bool Accept(object sender, X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        Refused = Judge(shown, chain, errors);
        return Refused is null;
    }

    private QueueTrouble? Judge(X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        if (shown is not X509Certificate2 certificate || chain is null)
            return new QueueTrouble("it shows no certificate", BrokerRemedies.NoTls(address));
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            return new QueueTrouble(
                $"its certificate is not for {address.Host}: it is for {Names(certificate)}",
                BrokerRemedies.OtherName(address)
            );
        }
        if (authorities is null)
            return errors is SslPolicyErrors.None ? null : Untrusted(certificate, chain);
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(authorities);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        foreach (var between in chain.ChainElements)
            own.ChainPolicy.ExtraStore.Add(between.Certificate);
        return own.Build(certificate) ? null : Untrusted(certificate, own);
    }

    private QueueTrouble Untrusted(X509Certificate2 certificate, X509Chain chain)
    {
        var why = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        if (why == X509ChainStatusFlags.NotTimeValid)
        {
            return new QueueTrouble(
                $"its certificate is good from {certificate.NotBefore:u} to {certificate.NotAfter:u}, and not now",
                BrokerRemedies.OutOfDate(address)
            );
        }
        const X509ChainStatusFlags Stranger =
            X509ChainStatusFlags.UntrustedRoot
            | X509ChainStatusFlags.PartialChain
            | X509ChainStatusFlags.NotSignatureValid;
        return (why & Stranger) != 0
            ? new QueueTrouble(
                $"its certificate is not trusted: '{certificate.Issuer}' signed it, "
                    + (file is null ? "whom this machine does not know" : $"who is not in {file}"),
                BrokerRemedies.Untrusted(address)
            )
            : new QueueTrouble($"its certificate is not trusted: {why}", BrokerRemedies.Untrusted(address));
    }

    private static string Names(X509Certificate2 certificate)
    {
        var names = certificate
            .Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(one => one.EnumerateDnsNames().Concat(one.EnumerateIPAddresses().Select(ip => ip.ToString())))
            .ToList();
        return names.Count > 0 ? string.Join(", ", names) : certificate.Subject;
    }
}
